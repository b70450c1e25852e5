/*
 * The program smtpsubmitd has a checkpassword program run when the password
 * was right: that it runs at all is the yes. It tells on descriptor 4 whom
 * the checkpassword program found, and what it set for that user, and it
 * holds no secret. It runs with whatever uid that program left it.
 */
#include "helpers/reply.h"

int
main(void)
{
	return auth_reply();
}
