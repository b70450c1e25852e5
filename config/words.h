/* Between the files of config/ only. */
#ifndef CONFIG_WORDS_H
#define CONFIG_WORDS_H

#include "base/conf.h"
#include "config/config.h"

struct word {
	const char *keyword;
	size_t min, max;	/* arguments */
	bool repeatable;
	/* NULL, or what is wrong and what is allowed */
	const char *(*read)(struct config *, const struct conf_line *);
};

extern const struct word config_words[];
extern const size_t config_n_words;

/* values.c: each fills the slot, or says what is wrong */
char *config_copy(const char *);	/* never NULL */
/* A file that must be there and be readable; the slot is to be freed. */
const char *word_file(const char *name, char **slot);
const char *word_ca(const char *name, char **slot);	/* trust anchors */
const char *word_name(const char *name, char *slot, size_t);	/* domain */
const char *word_number(const char *, uint64_t max, unsigned *slot);
const char *word_duration(const char *, unsigned min, unsigned max,
    unsigned *slot);	/* ms */
const char *word_size(const char *, uint64_t min, uint64_t max,
    uint64_t *slot);	/* octets */

/* senders.c */
const char *read_senders(struct config *, const struct conf_line *);

/* servers.c */
const char *read_certificate(struct config *, const struct conf_line *);
const char *read_client_ca(struct config *, const struct conf_line *);
const char *read_auth(struct config *, const struct conf_line *);
const char *read_auth_token(struct config *, const struct conf_line *);
const char *read_relay(struct config *, const struct conf_line *);
const char *read_relay_credentials(struct config *, const struct conf_line *);
const char *read_relay_ca(struct config *, const struct conf_line *);
const char *read_relay_referrals(struct config *, const struct conf_line *);
const char *read_relay_pin(struct config *, const struct conf_line *);
const char *read_relay_certificate(struct config *, const struct conf_line *);
const char *read_imap(struct config *, const struct conf_line *);

#endif
