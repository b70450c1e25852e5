/* Between config.c and words.c only. */
#ifndef WORDS_H
#define WORDS_H

#include "base/conf.h"
#include "config.h"

struct word {
	const char *keyword;
	size_t min, max;	/* arguments */
	bool repeatable;
	/* NULL, or what is wrong and what is allowed */
	const char *(*read)(struct config *, const struct conf_line *);
};

extern const struct word config_words[];
extern const size_t config_n_words;

char *config_copy(const char *);	/* never NULL */

#endif
