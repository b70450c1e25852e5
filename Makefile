# smtpsubmitd: make, make check, make demo, make install

CC	= cc
CFLAGS	= -O2 -g
PREFIX	= /usr/local
SBINDIR	= $(PREFIX)/sbin
LIBEXECDIR = $(PREFIX)/libexec/smtpsubmitd
MANDIR	= $(PREFIX)/share/man
SYSCONFDIR = /etc
UNITDIR	= $(PREFIX)/lib/systemd/system
SYSUSERSDIR = $(PREFIX)/lib/sysusers.d
RCDIR	=
BUILD	= build
# sandbox/null.o is for sanitizer builds only
FENCE	= sandbox/linux.o sandbox/landlock.o sandbox/seccomp.o

WARN	= -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes \
	-Wpointer-arith -Wcast-qual -Wwrite-strings -Wformat=2 \
	-Wno-unused-result
# where indirect branches may go, and no jump over the stack's guard page
MARKS	= `case $$($(CC) -dumpmachine) in \
	x86_64*) echo -fcf-protection -fstack-clash-protection;; \
	aarch64*) echo -mbranch-protection=standard;; esac`
HARDEN	= -D_FORTIFY_SOURCE=2 -fstack-protector-strong -fPIE $(MARKS)
LDHARDEN = -pie -Wl,-z,relro,-z,now
PKG	= libtls libssl libcrypto libbsd-overlay libevent_core libseccomp
PKG_CFLAGS = `pkg-config --cflags $(PKG)`
PKG_LIBS = `pkg-config --libs $(PKG)`
CPPFLAGS_ALL = -I. -D_GNU_SOURCE -DOPENSSL_API_COMPAT=0x10100000L \
	-DLIBEXECDIR='"$(LIBEXECDIR)"' -DSYSCONFDIR='"$(SYSCONFDIR)"'
COMPILE	= $(CC) -std=c17 $(WARN) $(HARDEN) $(CPPFLAGS_ALL) $(CPPFLAGS) $(CFLAGS)
LINK	= $(CC) $(LDHARDEN) $(CFLAGS) $(LDFLAGS)

# what is pure: no I/O, linked into the unit tests and the fuzz harnesses too
PURE	= base/conf.o base/ipc.o base/network.o \
	doctor/autoconfig.o doctor/records.o \
	smtp/auth.o smtp/body.o smtp/command.o smtp/content.o smtp/ehlo.o \
	smtp/envelope.o smtp/greeting.o smtp/input.o smtp/oauth.o \
	smtp/param.o smtp/path.o smtp/proxy.o smtp/reply.o smtp/sasl.o smtp/smtp.o \
	smtp/values.o smtp/xclient.o \
	message/address.o message/cfws.o message/check.o message/complete.o \
	message/content.o message/date.o message/header.o message/policy.o \
	message/trace.o \
	mta/answer.o mta/referral.o mta/route.o base/transcript.o helpers/certlogin.o
PURE_IMAP = base/date.o base/utf8.o imap/policy.o imap/response.o imap/server.o \
	imap/span.o imap/text.o imap/url.o
DAEMON	= smtpsubmitd.o activation.o arrival.o auth.o broker.o census.o \
	children.o crowd.o delivery.o envelope.o errands.o fetcher.o \
	generation.o helper.o ledger.o lifetime.o login.o monitor.o nexthop.o \
	nursery.o order.o origin.o parameters.o pending.o probe.o relay.o \
	session.o settings.o standing.o state.o transfer.o verdict.o welcome.o \
	config/config.o config/senders.o config/servers.o config/values.o config/words.o \
	base/clientcert.o base/clock.o base/contexts.o base/log.o base/pin.o base/proof.o base/pss.o \
	base/secret.o base/spawn.o base/stopped.o base/stream.o base/tls.o base/tlskeys.o base/warmup.o \
	mta/addresses.o mta/body.o mta/client.o mta/hello.o mta/login.o mta/maildir.o sandbox/close.o $(FENCE) $(DOCTOR) $(PURE) $(PURE_IMAP)
DOCTOR	= doctor/certificate.o doctor/dns.o doctor/doctor.o doctor/fences.o \
	doctor/files.o doctor/helper.o doctor/imap.o doctor/lookup.o doctor/relays.o doctor/setup.o
IMAPFETCH = imapfetch.o imap/answer.o imap/connection.o imap/fetch.o \
	imap/prepare.o base/clock.o base/ipc.o base/log.o $(FENCE) $(PURE_IMAP)
INTROSPECT = helpers/checktoken-introspect.o helpers/introspection.o helpers/fd3.o \
	helpers/reply.o helpers/stand.o base/ipc.o base/secret.o
CHECKCERT = checkcertificate.o base/ipc.o base/log.o base/proof.o \
	base/transcript.o helpers/certlogin.o $(FENCE)
PROGRAMS = smtpsubmitd imapfetch auth-reply checkcertificate checkpassword-file \
	checkpassword-pam checktoken-introspect

all: $(PROGRAMS:%=$(BUILD)/%)

$(BUILD)/smtpsubmitd: $(DAEMON:%=$(BUILD)/%)
	$(LINK) -o $@ $(DAEMON:%=$(BUILD)/%) $(PKG_LIBS)

# the only ones with libcurl
$(BUILD)/imapfetch: $(IMAPFETCH:%=$(BUILD)/%)
	$(LINK) -o $@ $(IMAPFETCH:%=$(BUILD)/%) `pkg-config --libs libcurl libbsd-overlay libseccomp`

$(BUILD)/checkcertificate: $(CHECKCERT:%=$(BUILD)/%)
	$(LINK) -o $@ $(CHECKCERT:%=$(BUILD)/%) `pkg-config --libs libcrypto libbsd-overlay libseccomp`

STAND	= $(BUILD)/helpers/reply.o $(BUILD)/helpers/stand.o $(BUILD)/base/ipc.o
REPLY	= $(BUILD)/helpers/auth-reply.o $(BUILD)/helpers/reply.o
FILE	= $(BUILD)/helpers/checkpassword-file.o $(BUILD)/helpers/fd3.o $(STAND)
PAM	= $(BUILD)/helpers/checkpassword-pam.o $(BUILD)/helpers/fd3.o $(STAND)

$(BUILD)/auth-reply: $(REPLY)
	$(LINK) -o $@ $(REPLY)

$(BUILD)/checkpassword-file: $(FILE)
	$(LINK) -o $@ $(FILE) -lcrypt

$(BUILD)/checkpassword-pam: $(PAM)
	$(LINK) -o $@ $(PAM) -lpam

$(BUILD)/checktoken-introspect: $(INTROSPECT:%=$(BUILD)/%)
	$(LINK) -o $@ $(INTROSPECT:%=$(BUILD)/%) `pkg-config --libs libcurl jansson`

# the loop over every octet of a message wants vector code
$(BUILD)/message/content.o: message/content.c
	@mkdir -p $(@D)
	$(COMPILE) -O3 -MMD -MP -c -o $@ message/content.c

check:
	tests/run

demo:
	tests/demo

# GOAL=units builds the unit tables so; PAM's modules want libcrypt with it
asan:
	$(MAKE) $(GOAL) BUILD=build-asan CC=clang HARDEN= LDHARDEN= FENCE=sandbox/null.o \
	    LDFLAGS='-Wl,--no-as-needed -lcrypt' \
	    CFLAGS='-O1 -g -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer'

# no warning by either compiler, no complaint of the others
lint:
	mandoc -Tlint -Wwarning man/*.[58]
	$(MAKE) BUILD=build-gcc CC=gcc CFLAGS='-O2 -Werror' all bench-programs
	$(MAKE) BUILD=build-clang CC=clang CFLAGS='-O2 -Werror' all bench-programs
	env -u MAKEFLAGS -u MFLAGS bmake -s BUILD=build-bsd CFLAGS='-O2 -Werror'
	tests/style

# gcc -fanalyzer, clang-tidy, cppcheck, shellcheck, pyflakes: half a minute for
# each processor
analyse:
	tests/analyse $(CPPFLAGS_ALL) $(PKG_CFLAGS) `pkg-config --cflags libcurl jansson`

clean:
	rm -rf build build-asan build-gcc build-clang build-bsd build-fuzz build-cov build-valgrind

.PHONY: all check demo asan lint analyse clean

include make/install.mk
# rules.mk, for BSD make rules-bsd.mk: GNU make finds this variable empty
include make/rules$(.CURDIR:M*:C/.*/-bsd/).mk
