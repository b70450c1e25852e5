/*
 * In imapfetch: a URL that seizes it. "attack:LINE" is a line for the
 * puppet; the answer goes to the log. Other URLs are parsed as ever.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "imap/url.h"
#include "puppet.h"

/* imapfetch.o asks for these, where their names have been changed */
int attack_url_parse(struct imap_url *, const char *, size_t, const char **);
int attack_setresuid(uid_t, uid_t, uid_t);

/* no_fence.c has another one: the uid is a fence, too */
__attribute__((weak)) int
attack_setresuid(uid_t real, uid_t effective, uid_t saved)
{
	return setresuid(real, effective, saved);
}

int
attack_url_parse(struct imap_url *url, const char *text, size_t n,
    const char **why)
{
	static char line[IMAP_URL_MAX + 1], answer[2048];

	if (n < 7 || n > IMAP_URL_MAX || memcmp(text, "attack:", 7) != 0)
		return imap_url_parse(url, text, n, why);
	puppet_start();
	puppet_channels['m'] = 3;
	memcpy(line, text + 7, n - 7);
	line[n - 7] = '\0';
	puppet_obey(line, answer, sizeof(answer));
	log_event(NULL, "puppet", "%s", answer);
	*why = "an attack";
	return -1;
}
