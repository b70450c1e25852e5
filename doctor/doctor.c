#include <netinet/in.h>

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "doctor/doctor.h"

#define EXIT_UNFIT 78		/* EX_CONFIG of sysexits(3) */

/* The daemon's words for what keeps it from starting, and what helps. */
static const struct {
	const char *words, *remedy;
} causes[] = {
	{ "no certificate in PEM", "It must begin with the server's "
	    "certificate, as -----BEGIN CERTIFICATE-----; the key is named "
	    "behind it." },
	{ "the key must be RSA", "Ask for a certificate with another key, "
	    "such as by certbot --key-type ecdsa." },
	{ "is not the certificate's key", "Name the two files of one "
	    "renewal; a new certificate often has a new key." },
	{ "or an encrypted one", "Without a passphrase: openssl pkey -in OLD "
	    "-out NEW, then chmod 600 NEW." },
	{ "others may read or write it", "Do so, and replace the secret if "
	    "others have accounts here." },
	{ "must be one line", "Its first line is the user, one space and the "
	    "password." },
	{ "empty or too large", "Write it anew: it seems to be another file." },
	{ "not a regular file", "Name the file itself." },
	{ "Permission denied", "Run -n as root, or as who starts the daemon." },
};

static bool trying;

static void
print_clean(const char *text)
{
	for (; *text != '\0'; text++)
		putchar(*text >= ' ' && *text <= '~' ? *text :
		    *text == '\n' ? ' ' : '?');
}

static void
wipe_trying(void)
{
	if (trying)
		fputs("\r\033[K", stderr);
	trying = false;
}

void
doctor_trying(const char *subject)
{
	if (!isatty(STDERR_FILENO))
		return;
	wipe_trying();
	fprintf(stderr, "...  %.60s", subject);
	fflush(stderr);
	trying = true;
}

void
doctor_say(struct doctor *d, enum grade grade, const char *subject,
    const char *fmt, ...)
{
	static const char *const words[] = { "ok  ", "warn", "FAIL" };
	char text[2048];
	va_list ap;

	wipe_trying();
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	printf("%s ", words[grade]);
	print_clean(subject);
	fputs(": ", stdout);
	print_clean(text);
	putchar('\n');
	fflush(stdout);
	d->count[grade]++;
}

void
doctor_remedy(const char *fmt, ...)
{
	char text[2048];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	fputs("     ", stdout);
	print_clean(text);
	putchar('\n');
	fflush(stdout);
}

/* What follows `FILE: ` where the subject ends with that file. */
static const char *
without_file(const char *subject, const char *why)
{
	const char *file = strchr(subject, ' ');
	size_t n = file == NULL ? 0 : strlen(++file);

	return n > 0 && strncmp(why, file, n) == 0 &&
	    strncmp(why + n, ": ", 2) == 0 ? why + n + 2 : why;
}

void
doctor_unfit(struct doctor *d, const char *subject, const char *why)
{
	size_t i;

	doctor_say(d, GRADE_FAIL, subject, "%s", without_file(subject, why));
	for (i = 0; i < sizeof(causes) / sizeof(causes[0]); i++)
		if (strstr(why, causes[i].words) != NULL) {
			doctor_remedy("%s", causes[i].remedy);
			break;
		}
	d->unfit = true;
}

static unsigned
port_of(const struct listen_line *listen)
{
	return listen->address.ss_family == AF_INET6 ?
	    ntohs(((const struct sockaddr_in6 *)&listen->address)->sin6_port) :
	    ntohs(((const struct sockaddr_in *)&listen->address)->sin_port);
}

unsigned
listen_port(const struct config *conf, bool tls)
{
	size_t i;

	for (i = 0; i < conf->n_listens; i++)
		if (conf->listens[i].tls == tls)
			return port_of(&conf->listens[i]);
	if (conf->n_listens > 0)
		return 0;
	return tls ? 465 : 587;
}

int
doctor_run(const char *file, const struct config *conf, bool local,
    bool set_up)
{
	struct doctor d = { .conf = conf, .file = file };

	signal(SIGPIPE, SIG_IGN);
	/* a name server that is down must not hold us for a minute */
	setenv("RES_OPTIONS", "timeout:3 attempts:2", 0);
	doctor_say(&d, GRADE_OK, file, "every line is understood");
	check_certificates(&d);
	check_files(&d);
	check_fences(&d);
	if (!local) {
		check_helper(&d);
		check_relays(&d);
		check_imaps(&d);
		check_dns(&d);
	}
	if (set_up)
		write_set_up(&d);
	printf("%u ok, %u warn, %u FAIL\n", d.count[GRADE_OK],
	    d.count[GRADE_WARN], d.count[GRADE_FAIL]);
	if (d.unfit)
		return EXIT_UNFIT;
	return d.count[GRADE_FAIL] > 0;
}
