#include <arpa/inet.h>
#include <err.h>
#include <stdlib.h>
#include <string.h>

#include "bench/load.h"

struct options options = {
	.user = "alice", .password = "alicepw", .from = "alice@example.org",
	.to = "bob@example.org", .url = "", .n = 1, .c = 1, .messages = 1,
	.sizes = { 5000 }, .n_sizes = 1, .sources = 1,
	.source = INADDR_LOOPBACK, .chunk = 1048576, .tls = IMPLICIT,
	.stop = AT_END, .pipelining = true, .timeout = 120, .patience = 30,
};

static int
one_of(const char *value, const char *const names[])
{
	int i;

	for (i = 0; names[i] != NULL; i++)
		if (strcmp(value, names[i]) == 0)
			return i;
	errx(64, "%s: not known here", value);
}

static bool
set_sizes(const char *value)
{
	options.n_sizes = 0;
	do {
		if (options.n_sizes == SIZES || !(*value >= '0' &&
		    *value <= '9'))
			return false;
		options.sizes[options.n_sizes++] = (size_t)atof(value);
		value += strcspn(value, ",");
	} while (*value++ == ',');
	return true;
}

static bool
set_word(const char *key, const char *value)
{
	static const char *const truth[] = { "no", "yes", NULL };
	static const char *const ways[] = { "data", "bdat", "burl", "mixed",
		NULL };
	static const char *const tls[] = { "no", "starttls", "implicit", NULL };
	static const char *const stops[] = { "connect", "greeting", "login",
		"message", "end", NULL };

	if (strcmp(key, "user") == 0)
		options.user = value;
	else if (strcmp(key, "password") == 0)
		options.password = value;
	else if (strcmp(key, "from") == 0)
		options.from = value;
	else if (strcmp(key, "to") == 0)
		options.to = value;
	else if (strcmp(key, "url") == 0)
		options.url = value;
	else if (strcmp(key, "by") == 0)
		options.by = (enum way)one_of(value, ways);
	else if (strcmp(key, "tls") == 0)
		options.tls = (enum security)one_of(value, tls);
	else if (strcmp(key, "stop") == 0)
		options.stop = (enum stop)one_of(value, stops);
	else if (strcmp(key, "hold") == 0)
		options.hold = one_of(value, truth) == 1;
	else if (strcmp(key, "pipelining") == 0)
		options.pipelining = one_of(value, truth) == 1;
	else if (strcmp(key, "tell") == 0)
		options.tell = one_of(value, truth) == 1;
	else if (strcmp(key, "size") == 0)
		return set_sizes(value);
	else if (strcmp(key, "source") == 0)
		options.source = ntohl(inet_addr(value));
	else
		return false;
	return options.source != INADDR_NONE;
}

static bool
set_number(const char *key, double number)
{
	if (number < 0)
		return false;
	if (strcmp(key, "port") == 0)
		options.port = (uint16_t)number;
	else if (strcmp(key, "sink") == 0)
		options.sink = (uint16_t)number;
	else if (strcmp(key, "n") == 0)
		options.n = (unsigned long)number;
	else if (strcmp(key, "c") == 0)
		options.c = (unsigned long)number;
	else if (strcmp(key, "messages") == 0)
		options.messages = (unsigned long)number;
	else if (strcmp(key, "ahead") == 0)
		options.ahead = (unsigned long)number;
	else if (strcmp(key, "sources") == 0 && number >= 1)
		options.sources = (unsigned)number;
	else if (strcmp(key, "think") == 0)
		options.think = number;
	else if (strcmp(key, "ramp") == 0)
		options.ramp = number;
	else if (strcmp(key, "seconds") == 0)
		options.seconds = number;
	else if (strcmp(key, "chunk") == 0 && number > 0)
		options.chunk = (size_t)number;
	else if (strcmp(key, "drip") == 0)
		options.drip = number;
	else if (strcmp(key, "patience") == 0)
		options.patience = number;
	else if (strcmp(key, "timeout") == 0)
		options.timeout = number;
	else
		return false;
	return true;
}

void
options_set(char *word)
{
	char *value = strchr(word, '=');

	if (value == NULL)
		errx(64, "%s: key=value is wanted", word);
	*value++ = '\0';
	if (!set_word(word, value) && !set_number(word, atof(value)))
		errx(64, "%s=%s: no such option, or not so", word, value);
}
