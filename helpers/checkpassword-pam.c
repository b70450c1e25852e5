/*
 * checkpassword-pam [-s service] prog ...: asks PAM about a login (auth and
 * account) and runs prog when it is right. The service must have a file of
 * its own; PAM's fallback "other" never decides. Holds the password of one
 * login; needs what the PAM modules need, for pam_unix the group shadow.
 */
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <security/pam_appl.h>

#include "helpers/fd3.h"
#include "helpers/stand.h"

#define PROGRAM	    "checkpassword-pam"
#define PAM_DIR	    "/etc/pam.d/"
#define SERVICE	    "smtpsubmitd"
#define SERVICE_MAX 64
#define PROMPTS_MAX 2

struct talk {
	const struct fd3 *message;
	unsigned int prompts;
	bool refused; /* asked for what we do not have */
};

/*
 * The answer to one question of a module, for the module to free; NULL when
 * there is none. Notices to the user have no user to go to.
 */
static char *
answer(struct talk *talk, int style)
{
	if (++talk->prompts > PROMPTS_MAX)
		return NULL;
	if (style == PAM_PROMPT_ECHO_OFF)
		return strdup(talk->message->password);
	if (style == PAM_PROMPT_ECHO_ON)
		return strdup(talk->message->login);
	return NULL;
}

static bool
answer_all(struct talk *talk, int n, const struct pam_message **ask,
    struct pam_response *reply)
{
	int i;

	for (i = 0; i < n; i++) {
		if (ask[i]->msg_style == PAM_TEXT_INFO ||
		    ask[i]->msg_style == PAM_ERROR_MSG)
			continue;
		reply[i].resp = answer(talk, ask[i]->msg_style);
		if (reply[i].resp == NULL)
			return false;
	}
	return true;
}

static void
free_replies(struct pam_response *reply, int n)
{
	int i;

	for (i = 0; i < n; i++)
		if (reply[i].resp != NULL) {
			explicit_bzero(reply[i].resp, strlen(reply[i].resp));
			free(reply[i].resp);
		}
	free(reply);
}

static int
converse(int n, const struct pam_message **ask, struct pam_response **reply,
    void *arg)
{
	struct talk *talk = arg;
	struct pam_response *r;

	if (n <= 0 || n > PAM_MAX_NUM_MSG)
		return PAM_CONV_ERR;
	if ((r = calloc((size_t)n, sizeof(*r))) == NULL)
		return PAM_BUF_ERR;
	if (!answer_all(talk, n, ask, r)) {
		talk->refused = true;
		free_replies(r, n);
		return PAM_CONV_ERR;
	}
	*reply = r;
	return PAM_SUCCESS;
}

/* PAM would sleep two seconds; the caller evens out the time of failures. */
static void
no_delay(int status, unsigned int microseconds, void *arg)
{
	(void)status;
	(void)microseconds;
	(void)arg;
}

/*
 * Wrong only where PAM says something about this login or its account. All
 * else is the machine's trouble, and the client should keep its password.
 */
static enum checkpassword
exit_code(int status)
{
	switch (status) {
	case PAM_SUCCESS:
		return CP_RIGHT;
	case PAM_AUTH_ERR:
	case PAM_USER_UNKNOWN:
	case PAM_MAXTRIES:
	case PAM_PERM_DENIED:
	case PAM_ACCT_EXPIRED:
	case PAM_NEW_AUTHTOK_REQD:
	case PAM_AUTHTOK_EXPIRED:
	case PAM_CRED_EXPIRED:
	case PAM_CRED_ERR:
		return CP_WRONG;
	default:
		return CP_TEMPORARY;
	}
}

static int
set_items(pam_handle_t *pam)
{
	const char *client = getenv("TCPREMOTEIP");
	int status;

	status = pam_set_item(pam, PAM_FAIL_DELAY, (const void *)no_delay);
	if (status == PAM_SUCCESS && client != NULL)
		status = pam_set_item(pam, PAM_RHOST, client);
	return status;
}

/* The name PAM knows the user by, which modules may have changed. */
static const char *
pam_user(pam_handle_t *pam)
{
	const void *user = NULL;

	if (pam_get_item(pam, PAM_USER, &user) != PAM_SUCCESS || user == NULL ||
	    *(const char *)user == '\0')
		return NULL;
	return user;
}

/* Goes through the phases; *user is the caller's to free. */
static int
ask_modules(pam_handle_t *pam, char **user)
{
	const int flags = PAM_SILENT | PAM_DISALLOW_NULL_AUTHTOK;
	const char *name;
	int status;

	if ((status = set_items(pam)) != PAM_SUCCESS ||
	    (status = pam_authenticate(pam, flags)) != PAM_SUCCESS ||
	    (status = pam_acct_mgmt(pam, flags)) != PAM_SUCCESS)
		return status;
	name = pam_user(pam);
	if (name == NULL || (*user = strdup(name)) == NULL)
		return PAM_BUF_ERR;
	return PAM_SUCCESS;
}

/* Asks PAM and wipes the password. */
static enum checkpassword
check(const char *service, struct fd3 *message, char **user)
{
	struct talk talk = { .message = message };
	const struct pam_conv conv = { converse, &talk };
	pam_handle_t *pam = NULL;
	const char *why = NULL;
	enum checkpassword code;
	int status;

	status = pam_start(service, message->login, &conv, &pam);
	if (status == PAM_SUCCESS)
		status = ask_modules(pam, user);
	explicit_bzero(message->password, strlen(message->password));
	code = exit_code(status);
	if (talk.refused && code != CP_RIGHT) {
		code = CP_TEMPORARY;
		why = "a module asks for more than login and password";
	}
	if (code == CP_TEMPORARY)
		complain(PROGRAM, service,
		    why != NULL ? why : pam_strerror(pam, status));
	if (pam != NULL)
		(void)pam_end(pam, status);
	return code;
}

/*
 * PAM makes capitals small and cuts at a slash before it looks for the file:
 * without these, the file it reads is the one we looked at.
 */
static bool
service_name_ok(const char *s)
{
	return *s != '\0' && *s != '.' && strlen(s) <= SERVICE_MAX &&
	    s[strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789._-")] == '\0';
}

/* A service whose file PAM cannot read or finds empty falls to "other". */
static bool
service_exists(const char *service)
{
	char path[sizeof(PAM_DIR) + SERVICE_MAX];
	const char *why = NULL;
	struct stat st;
	int fd;

	(void)snprintf(path, sizeof(path), "%s%s", PAM_DIR, service);
	fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (fd == -1 || fstat(fd, &st) == -1)
		why = strerror(errno);
	else if (!S_ISREG(st.st_mode) || st.st_size == 0)
		why = "not a file of PAM rules";
	if (fd != -1)
		(void)close(fd);
	if (why != NULL)
		complain(PROGRAM, path, why);
	return why == NULL;
}

/* Returns the service, or NULL for a wrong command line. */
static const char *
options(int argc, char *argv[])
{
	const char *service = SERVICE;
	int c;

	opterr = 0;
	/* "+": what follows the program's name is the program's own. */
	while ((c = getopt(argc, argv, "+s:")) != -1) {
		if (c != 's' || !service_name_ok(optarg))
			return NULL;
		service = optarg;
	}
	return optind < argc ? service : NULL;
}

int
main(int argc, char *argv[])
{
	static struct fd3 message;
	enum checkpassword status;
	const char *service;
	char *user = NULL;

	protect_memory();
	if ((service = options(argc, argv)) == NULL) {
		complain("usage", NULL,
		    PROGRAM " [-s service] program [argument ...]; "
			    "services are named by a-z, 0-9, '.', '_', '-'");
		return CP_MISUSED;
	}
	stand_by();
	if (!service_exists(service))
		return CP_TEMPORARY;
	if ((status = fd3_get(&message, PROGRAM)) != CP_RIGHT)
		return status;
	status = check(service, &message, &user);
	if (status == CP_RIGHT)
		status = run_next(PROGRAM, argv[0], user, argv + optind);
	free(user);
	return status;
}
