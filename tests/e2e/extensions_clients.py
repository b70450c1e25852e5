"""extensions.t: Python's smtplib as a client that speaks SMTPUTF8.

    extensions_clients.py PORT CA FROM TO [HEADER-FROM]
"""
import email.message
import email.policy
import smtplib
import ssl
import sys

port, ca, sender, recipient = sys.argv[1:5]
author = sys.argv[5] if len(sys.argv) > 5 else sender
message = email.message.EmailMessage(policy=email.policy.SMTPUTF8)
message["From"] = author
message["To"] = recipient
message["Subject"] = "größer, ελληνικά, 漢字"
message["Message-ID"] = "<1@client.example.org>"
message["Date"] = "Sat, 21 Nov 2026 10:00:00 +0000"
message.set_content("Grüße\n", cte="8bit")
context = ssl.create_default_context(cafile=ca)
try:
    with smtplib.SMTP("localhost", int(port), "client.example.org") as s:
        s.starttls(context=context)
        s.login("alice", "alicepw")
        print("smtputf8" in s.esmtp_features, s.esmtp_features.get("limits"))
        s.send_message(message, sender, [recipient])
        print("sent")
except smtplib.SMTPException as e:
    print("refused", e)
    sys.exit(1)
