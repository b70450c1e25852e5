#include "base/contexts.h"

#define CONTEXTS_MAX 32	/* one a certificate, and the first */

static SSL_CTX *contexts[CONTEXTS_MAX];
static size_t n_contexts;
static int catching;

static void
on_new_context(void *parent, void *ptr, CRYPTO_EX_DATA *ad, int idx,
    long argl, void *argp)
{
	(void)ptr, (void)ad, (void)idx, (void)argl, (void)argp;
	if (catching && n_contexts < CONTEXTS_MAX)
		contexts[n_contexts++] = parent;
}

void
contexts_catch(void)
{
	static int class = -1;

	if (class == -1)
		class = SSL_CTX_get_ex_new_index(0, NULL, on_new_context,
		    NULL, NULL);
	n_contexts = 0;
	catching = 1;
}

void
contexts_end(void)
{
	size_t i;

	catching = 0;
	for (i = 0; i < n_contexts; i++)
		SSL_CTX_set_num_tickets(contexts[i], 0);
}

SSL_CTX *
contexts_get(size_t i)
{
	return i < n_contexts ? contexts[i] : NULL;
}
