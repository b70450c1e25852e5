/*
 * smtpsubmitd: a mail submission agent (RFC 6409) without a queue.
 *
 *	client ==TLS== session --- commands, message --> relay === next server
 *	                 |  sign, login, relay            ^
 *	                 |  `-- URL --> imapfetch -- body-'
 *	                 v                  ^   `== IMAP server
 *	              monitor --- exec -----+--> checkpassword helper
 *	                 | ^
 *	    "fork a relay" | each newborn's channel
 *	                 v |
 *	              nursery --- fork --> session, relay
 *	                 ^ accepts
 *	              listening sockets: systemd, inetd, or our own
 *
 * monitor.c	holds key and credentials, reads no network octet
 * nursery.c	accepts and forks; was born before any secret was read
 * session.c	one client: TLS and SMTP; every claim it makes is checked
 * relay.c	one user's messages to the next server; policy is applied here
 * imapfetch.c	a program of its own: fetches what a BURL names
 * checkcertificate.c	another: whose login a client's certificate is
 *
 * This file starts them, in the order that keeps the secrets where they
 * belong: sockets, configuration, certificates, nursery, and only then keys.
 */
#include <sys/resource.h>
#include <sys/stat.h>

#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "doctor/doctor.h"
#include "sandbox/sandbox.h"
#include "smtpsubmitd.h"

#ifndef SYSCONFDIR
#define SYSCONFDIR "/etc"
#endif
#define EXIT_CONFIG 78		/* EX_CONFIG of sysexits(3) */

static struct service service;
static struct socket_set sockets;

struct options {
	const char *file;
	bool debug, check, tls, verbose;
};

_Noreturn static void
usage(void)
{
	fprintf(stderr, "usage: smtpsubmitd [-dntv] [-f file]\n");
	exit(64);
}

static void
read_options(int argc, char **argv, struct options *options)
{
	int c;

	options->file = SYSCONFDIR "/smtpsubmitd/smtpsubmitd.conf";
	while ((c = getopt(argc, argv, "df:ntv")) != -1) {
		switch (c) {
		case 'd':
			options->debug = true;
			break;
		case 'f':
			options->file = optarg;
			break;
		case 'n':
			options->check = true;
			break;
		case 't':
			options->tls = true;
			break;
		case 'v':
			options->verbose = true;
			break;
		default:
			usage();
		}
	}
	if (optind != argc)
		usage();
}

/* How a next generation is started: by paths that hold wherever it runs. */
static char **
command_again(char **argv, const struct options *options)
{
	static char program[4096], file[8192];
	char cwd[4000];
	static char *again[8];
	size_t n = 0;

	if (strchr(argv[0], '/') == NULL ||
	    realpath(argv[0], program) == NULL) {
		ssize_t len = readlink("/proc/self/exe", program,
		    sizeof(program) - 1);

		if (len > 0)
			program[len] = '\0';
	}
	again[n++] = program;
	if (options->debug)
		again[n++] = strdup("-d");
	if (options->verbose)
		again[n++] = strdup("-v");
	again[n++] = strdup("-f");
	again[n++] = file;
	/* not resolved: a link may be turned to a new file */
	if (options->file[0] == '/' || getcwd(cwd, sizeof(cwd)) == NULL)
		strlcpy(file, options->file, sizeof(file));
	else
		snprintf(file, sizeof(file), "%s/%s", cwd, options->file);
	return again;
}

/* The certificates, for the nursery's children; keys are not opened here. */
static void
prepare_tls(struct config *conf)
{
	bool verify = conf->relay_per_user;
	char error[512];
	size_t i;

	if (conf->n_certificates > 0) {
		service.tls = tls_server_make(conf->certificates,
		    conf->n_certificates, conf->client_ca, error,
		    sizeof(error));
		if (service.tls == NULL)
			errx(EXIT_CONFIG, "%s", error);
	}
	for (i = 0; i < conf->n_routes && conf->n_relay_pins == 0; i++)
		verify |= conf->routes[i].tls == ROUTE_TLS_STARTTLS ||
		    conf->routes[i].tls == ROUTE_TLS_IMPLICIT;
	service.opportunistic = tls_client_settings(NULL, false, error,
	    sizeof(error));
	if (verify)
		service.verified = tls_client_settings(conf->relay_ca, true,
		    error, sizeof(error));
	if (service.opportunistic == NULL ||
	    (verify && service.verified == NULL))
		errx(EXIT_CONFIG, "%s", error);
}

/* TLS at once may also be asked for by a socket's name, its port, or -t. */
static void
check_sockets(const struct config *conf)
{
	bool tls = sockets.connected != -1 && sockets.connected_tls;
	size_t i;

	for (i = 0; i < sockets.n; i++)
		tls |= sockets.tls[i];
	if (tls && conf->n_certificates == 0)
		errx(EXIT_CONFIG, "a socket is for TLS at once, but there is "
		    "no certificate");
}

/* Descriptors: each connection may need three in the monitor. */
static void
make_room(const struct config *conf)
{
	rlim_t need = 3 * (rlim_t)conf->max_connections + 100;
	struct rlimit rl;

	if (getrlimit(RLIMIT_NOFILE, &rl) == -1)
		return;
	if (rl.rlim_max != RLIM_INFINITY && rl.rlim_max < need)
		errx(EXIT_CONFIG, "max-connections %u needs %lu descriptors, "
		    "the limit is %lu", conf->max_connections,
		    (unsigned long)need, (unsigned long)rl.rlim_max);
	if (rl.rlim_cur < need) {
		rl.rlim_cur = need;
		setrlimit(RLIMIT_NOFILE, &rl);
	}
}

static void
prepare_fences(const struct config *conf)
{
	bool dirs = false, locals = false;
	size_t i;

	for (i = 0; i < conf->n_routes; i++) {
		dirs |= conf->routes[i].kind == ROUTE_MAILDIR;
		locals |= conf->routes[i].kind == ROUTE_LMTP &&
		    conf->routes[i].path[0] != '\0';
	}
	tzset();	/* later there is no file to read it from */
	sandbox_prepare(dirs, locals);
}

int
main(int argc, char **argv)
{
	struct options options = { 0 };
	struct config *conf = &service.conf;
	struct nursery nursery;

	sandbox_begin();
	umask(077);
	read_options(argc, argv, &options);
	generation_start(command_again(argv, &options));
	activation_find(&sockets, options.tls);
	/* whoever starts us reads stderr, but behind a SIGHUP is nobody */
	if (generation_is_successor() && !options.debug)
		log_open(LOG_TO_SYSLOG, 0);
	if (config_load(options.file, conf) > 0)
		exit(EXIT_CONFIG);
	if (options.check)
		exit(doctor_run(options.file, conf, options.debug,
		    options.verbose));
	service.foreground = options.debug;
	if (!sockets.from_system && !activation_listen(&sockets, conf))
		exit(EXIT_CONFIG);
	make_room(conf);
	check_sockets(conf);
	prepare_tls(conf);
	if (!options.debug && !sockets.from_system &&
	    !generation_is_successor() && daemon(1, 0) == -1)
		err(71, "daemon");
	log_open(options.debug ? LOG_TO_STDERR : conf->log, options.verbose);
	signal(SIGPIPE, SIG_IGN);
	service.census = generation_census();
	if (service.census == -1)
		service.census = census_make();
	service.ledger = generation_ledger();	/* closed in the nursery */
	prepare_fences(conf);
	nursery_start(&nursery, &service, &sockets);
	monitor_run(&service, &sockets, &nursery);
}
