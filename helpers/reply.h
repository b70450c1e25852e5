/*
 * What auth-reply(8) says on descriptor 4: whom the checkpassword program
 * found, and what it set for that user, from the environment.
 */
#ifndef HELPERS_REPLY_H
#define HELPERS_REPLY_H

/* The exit code: 0, or 111 after a line on stderr. */
int auth_reply(void);

#endif
