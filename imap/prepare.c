#include <sys/socket.h>
#include <sys/stat.h>

#include <fcntl.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <curl/curl.h>

#include "imap/prepare.h"

#define CA_MAX (4 * 1024 * 1024)

/* The system's anchors, read once for all servers that want them. */
static char *system_ca;
static size_t system_ca_len;

static char *
read_all(int fd, size_t *len)
{
	struct stat st;
	char *buf;
	ssize_t n;

	if (fstat(fd, &st) == -1 || !S_ISREG(st.st_mode) ||
	    st.st_size <= 0 || st.st_size > CA_MAX)
		return NULL;
	if ((buf = malloc((size_t)st.st_size)) == NULL)
		return NULL;
	*len = 0;
	while (*len < (size_t)st.st_size) {
		n = read(fd, buf + *len, (size_t)st.st_size - *len);
		if (n <= 0) {
			free(buf);
			return NULL;
		}
		*len += (size_t)n;
	}
	return buf;
}

static char *
read_file(const char *path, size_t *len)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	char *buf;

	if (fd == -1)
		return NULL;
	buf = read_all(fd, len);
	close(fd);
	return buf;
}

/* Where libcurl was told at its build that the anchors are. */
static void
load_system_ca(void)
{
	const curl_version_info_data *info;

	info = curl_version_info(CURLVERSION_NOW);
	if (info->age >= CURLVERSION_TENTH && info->cainfo != NULL)
		system_ca = read_file(info->cainfo, &system_ca_len);
}

void
imap_load_ca(struct imap_account *account, const char *file)
{
	if (account->server.security == IMAP_CLEAR)
		return;
	if (*file != '\0') {
		account->ca = read_file(file, &account->ca_len);
	} else {
		if (system_ca == NULL)
			load_system_ca();
		account->ca = system_ca;
		account->ca_len = system_ca_len;
	}
	if (account->ca == NULL)
		account->broken = "cannot read the CA file";
}

/* Adds ",address"; false if it does not fit or is not wanted. */
static bool
add_address(struct imap_account *account, const struct addrinfo *ai,
    size_t *len)
{
	char host[NI_MAXHOST];
	bool v6 = ai->ai_family == AF_INET6;
	size_t size = sizeof(account->addresses);
	int n;

	if (getnameinfo(ai->ai_addr, ai->ai_addrlen, host, sizeof(host), NULL,
	    0, NI_NUMERICHOST) != 0)
		return false;
	if (account->server.security == IMAP_CLEAR &&
	    !imap_host_is_loopback(host))
		return false;
	n = snprintf(account->addresses + *len, size - *len, "%s%s%s%s",
	    account->addresses[*len - 1] == ':' ? "" : ",", v6 ? "[" : "",
	    host, v6 ? "]" : "");
	if (n < 0 || (size_t)n >= size - *len) {
		account->addresses[*len] = '\0';
		return false;
	}
	*len += (size_t)n;
	return true;
}

void
imap_resolve(struct imap_account *account)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
	struct addrinfo *list = NULL, *ai;
	size_t len;
	bool any = false;

	if (strchr(account->server.host, ':') != NULL)
		return;	/* an IPv6 address */
	snprintf(account->addresses, sizeof(account->addresses), "%s:%u:",
	    account->server.host, account->server.port);
	len = strlen(account->addresses);
	if (getaddrinfo(account->server.host, NULL, &hints, &list) == 0)
		for (ai = list; ai != NULL; ai = ai->ai_next)
			any |= add_address(account, ai, &len);
	if (list != NULL)
		freeaddrinfo(list);
	if (!any && account->broken == NULL)
		account->broken = "cannot resolve the server's name";
}
