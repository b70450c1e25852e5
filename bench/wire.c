/*
 * The octets of a connection, in the clear or by OpenSSL, and how often its
 * client had to wait for the other side: a turn is something written and
 * then something read. What BIOs count is what is on the wire.
 */
#include <sys/socket.h>

#include <errno.h>
#include <openssl/err.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "bench/load.h"

static SSL_CTX *context;
static char error[256];
/* OpenSSL's macros want them without const */
static char groups[] = "X25519:P-256", name[] = "mail.example.org";

double
now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

const char *
wire_error(void)
{
	return error;
}

/* The certificate is not verified: it is the server that is measured. */
void
wire_prepare(void)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());

	SSL_CTX_set_verify(ctx, SSL_VERIFY_NONE, NULL);
	SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
	if (options.tls12)
		SSL_CTX_set_max_proto_version(ctx, TLS1_2_VERSION);
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	SSL_CTX_set1_groups_list(ctx, groups);
	SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE |
	    SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	SSL_CTX_set_read_ahead(ctx, 1);
	context = ctx;
}

static void
look(struct client *c)
{
	uint64_t in = c->clear_in, out = c->clear_out;

	if (c->ssl != NULL) {
		in += BIO_number_read(SSL_get_rbio(c->ssl));
		out += BIO_number_written(SSL_get_wbio(c->ssl));
	}
	/* one call of a handshake may write, read, and write again */
	if (in > c->seen_in && (c->sent || out > c->seen_out)) {
		c->turns++;
		c->sent = false;
	}
	if (out > c->seen_out)
		c->sent = true;
	c->seen_in = in;
	c->seen_out = out;
}

void
wire_start_tls(struct client *c)
{
	c->ssl = SSL_new(context);
	SSL_set_fd(c->ssl, c->fd);
	SSL_set_tlsext_host_name(c->ssl, name);
	SSL_set_connect_state(c->ssl);
	c->handshaking = true;
}

/* What a call of OpenSSL came to: 0 is an end. */
static int
verdict(struct client *c, int result)
{
	int why = SSL_get_error(c->ssl, result);

	if (why == SSL_ERROR_WANT_READ)
		return -2;
	if (why == SSL_ERROR_WANT_WRITE) {
		c->want_write = true;
		return -2;
	}
	if (why == SSL_ERROR_ZERO_RETURN)
		return 0;
	if (ERR_peek_error() != 0)
		ERR_error_string_n(ERR_peek_error(), error, sizeof(error));
	else
		snprintf(error, sizeof(error), "%s",
		    errno == 0 ? "closed" : strerror(errno));
	ERR_clear_error();
	return -1;
}

int
wire_handshake(struct client *c)
{
	int n = SSL_do_handshake(c->ssl);

	if (n != 1)
		n = verdict(c, n) == -2 ? -2 : -1;
	else {
		n = 0;
		c->handshaking = false;
	}
	look(c);
	return n;
}

ssize_t
wire_read(struct client *c)
{
	size_t room = sizeof(c->in) - c->in_len;
	ssize_t n;

	if (c->ssl != NULL) {
		n = SSL_read(c->ssl, c->in + c->in_len, (int)room);
		if (n <= 0)
			n = verdict(c, (int)n);
	} else {
		n = read(c->fd, c->in + c->in_len, room);
		if (n > 0)
			c->clear_in += (uint64_t)n;
		else if (n == -1) {
			snprintf(error, sizeof(error), "%s", strerror(errno));
			n = errno == EAGAIN ? -2 : -1;
		}
	}
	look(c);
	if (n > 0)
		c->in_len += (size_t)n;
	return n;
}

ssize_t
wire_write(struct client *c)
{
	size_t len = c->out_len - c->out_from;
	ssize_t n;

	if (options.drip > 0 && c->begun > 0)
		len = 1;
	if (c->ssl != NULL) {
		n = SSL_write(c->ssl, c->out + c->out_from, (int)len);
		if (n <= 0)
			n = verdict(c, (int)n);
	} else {
		n = send(c->fd, c->out + c->out_from, len, MSG_NOSIGNAL);
		if (n > 0)
			c->clear_out += (uint64_t)n;
		else if (n == -1) {
			snprintf(error, sizeof(error), "%s", strerror(errno));
			c->want_write = errno == EAGAIN;
			n = errno == EAGAIN ? -2 : -1;
		}
	}
	look(c);
	if (n > 0)
		c->out_from += (size_t)n;
	if (c->out_from == c->out_len)
		c->out_from = c->out_len = 0;
	return n;
}

void
wire_close(struct client *c)
{
	if (c->ssl != NULL) {
		if (!c->handshaking)
			SSL_shutdown(c->ssl);
		ERR_clear_error();
		SSL_free(c->ssl);
		c->ssl = NULL;
	}
	close(c->fd);
	c->fd = -1;
}
