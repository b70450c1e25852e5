/* The answer of a helper program, read. */
#ifndef VERDICT_H
#define VERDICT_H

#include "smtpsubmitd.h"

struct helper_said {
	const char *program, *id, *client;	/* for the log */
	bool certificate;	/* it is checkcertificate */
	int time_limit;		/* in seconds; it was over it. 0: was not */
	bool too_much;		/* it wrote more than there is room for */
	int status;		/* of waitpid(2) */
	const char *answer;	/* what it wrote on descriptor 4 */
	size_t len;
};

/* What is wrong with the helper or its answer is one line in the log. */
void helper_verdict(const struct helper_said *, struct auth_result *);

#endif
