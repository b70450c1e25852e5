/*
 * Who may read the secrets, and who may change what the daemon trusts:
 * the configuration, the programs it runs, and the directories they are in.
 */
#include <sys/stat.h>

#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/secret.h"
#include "doctor/doctor.h"
#include "order.h"

/* What is wrong with a file, and the remedy. */
struct problem {
	char text[1200], remedy[1200];
	enum grade grade;
};

bool
user_may_write(const char *path, uid_t uid, gid_t gid)
{
	mode_t need = S_IWOTH;
	struct stat st;

	if (stat(path, &st) == -1)
		return false;
	if (S_ISDIR(st.st_mode))
		need |= S_IXOTH;
	if (uid == st.st_uid)
		need <<= 6;
	else if (gid == st.st_gid)
		need <<= 3;
	return uid == 0 || (st.st_mode & need) == need;
}

/* Not `user`: who seizes a session has its rights. */
static bool
is_trusted_owner(uid_t uid)
{
	return uid == 0 || uid == geteuid();
}

static const char *
user_name(uid_t uid)
{
	static char number[24];
	const struct passwd *pw = getpwuid(uid);

	snprintf(number, sizeof(number), "uid %u", (unsigned)uid);
	return pw == NULL ? number : pw->pw_name;
}

/* May somebody else put another thing in its place? */
static bool
is_open_to_change(const char *path, const struct stat *st,
    struct problem *problem)
{
	bool sticky = S_ISDIR(st->st_mode) && (st->st_mode & S_ISVTX);
	const char *option = "o-w";

	problem->grade = GRADE_FAIL;
	if (st->st_mode & S_IWOTH && !sticky) {
		snprintf(problem->text, sizeof(problem->text),
		    "anybody may change %.1000s", path);
	} else if (st->st_mode & S_IWGRP && st->st_gid != 0 && !sticky) {
		snprintf(problem->text, sizeof(problem->text),
		    "the group of %.1000s may change it", path);
		problem->grade = GRADE_WARN;
		option = "g-w";
	} else if (!is_trusted_owner(st->st_uid)) {
		snprintf(problem->text, sizeof(problem->text),
		    "%.100s may change %.1000s", user_name(st->st_uid), path);
		snprintf(problem->remedy, sizeof(problem->remedy),
		    "chown root %.1000s, if that user is not to be trusted "
		    "with all of it.", path);
		problem->grade = GRADE_WARN;
		return true;
	} else {
		return false;
	}
	snprintf(problem->remedy, sizeof(problem->remedy), "chmod %s %.1000s",
	    option, path);
	return true;
}

/* The file and every directory above it; true if one is open. */
static bool
find_open(const char *name, struct problem *problem)
{
	char path[4096], *slash;
	struct stat st;

	if (realpath(name, path) == NULL)
		return false;	/* not there: told elsewhere */
	for (;;) {
		if (stat(path, &st) == 0 &&
		    is_open_to_change(path, &st, problem))
			return true;
		if (path[1] == '\0')
			return false;
		slash = strrchr(path, '/');
		slash[slash == path] = '\0';
	}
}

static void
check_guarded(struct doctor *d, const char *subject, const char *path)
{
	struct problem problem;

	if (!find_open(path, &problem)) {
		doctor_say(d, GRADE_OK, subject, "%s: nobody else may change "
		    "it", path);
		return;
	}
	doctor_say(d, problem.grade, subject, "%s", problem.text);
	doctor_remedy("%s", problem.remedy);
}

/* The mode was looked at by whoever reads it; here it is the places. */
static void
check_secret_place(struct doctor *d, const char *subject, const char *name)
{
	char path[4096];

	secret_path(name, path, sizeof(path));
	check_guarded(d, subject, path);
}

/* A file of `user password`; size is what the daemon has room for. */
static void
check_login(struct doctor *d, const char *subject, const char *name,
    size_t size)
{
	char user[TOKEN_SIZE], password[TOKEN_SIZE], error[512];

	if (secret_read_login(name, user, password, size, error,
	    sizeof(error)))
		check_secret_place(d, subject, name);
	else
		doctor_unfit(d, subject, error);
	explicit_bzero(password, sizeof(password));
}

static void
check_program(struct doctor *d, const char *subject, const char *dir,
    const char *name)
{
	char path[4096];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	if (access(path, X_OK) == 0) {
		check_guarded(d, subject, path);
		return;
	}
	doctor_say(d, GRADE_FAIL, subject, "%s: %s", path, strerror(errno));
	doctor_remedy("Install it (make install), or say where it is by "
	    "`libexec`.");
}

void
check_files(struct doctor *d)
{
	const struct config *conf = d->conf;
	char subject[600];
	size_t i;

	check_guarded(d, "configuration", d->file);
	for (i = 0; i < conf->n_certificates; i++)
		check_secret_place(d, "key", conf->certificates[i].key);
	if (conf->auth.argv != NULL)
		check_guarded(d, "auth", conf->auth.argv[0]);
	if (conf->auth_token.argv != NULL)
		check_guarded(d, "auth-token", conf->auth_token.argv[0]);
	check_program(d, "libexec", conf->libexec, "auth-reply");
	if (conf->n_imaps > 0)
		check_program(d, "libexec", conf->libexec, "imapfetch");
	if (conf->relay_certificate.key != NULL)
		check_secret_place(d, "relay-certificate",
		    conf->relay_certificate.key);
	if (conf->relay_credentials != NULL)
		check_login(d, "relay-credentials", conf->relay_credentials,
		    TOKEN_SIZE);
	for (i = 0; i < conf->n_imaps; i++) {
		snprintf(subject, sizeof(subject), "imap %s",
		    conf->imaps[i].url);
		if (conf->imaps[i].credentials != NULL)
			check_login(d, subject, conf->imaps[i].credentials,
			    LOGIN_SIZE);
	}
}
