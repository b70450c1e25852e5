/*
 * mta/answer.c and smtp/ehlo.c: whatever the next server says, our client
 * gets lines that are short enough, with an enhanced code of the right class
 * and without a control octet, and never 421.
 */
#include "mta/answer.h"
#include "mta/referral.h"
#include "smtp/ehlo.h"
#include "tests/fuzz/fuzz.h"

static void
check_line(const char *p, size_t n, int code)
{
	MUST(n + 6 <= 512);
	MUST(is_printable(p, n));
	MUST(n > 5 - 1 && p[0] == '0' + code / 100 && p[1] == '.');
}

static void
check_for_client(const struct answer *answer)
{
	char *buf = malloc(2 * ANSWER_MAX - 64), *p = buf, *lf;
	struct referral referral;
	int code;
	size_t n = answer_for_client(answer, &code, buf, 2 * ANSWER_MAX - 64);

	if (referral_find(answer->text, &referral))
		MUST(referral.host[0] != '\0' && referral.port < 65536 &&
		    strlen(referral.host) < sizeof(referral.host));
	MUST(code >= 200 && code <= 599 && code != 421);
	while ((lf = memchr(p, '\n', n - (size_t)(p - buf))) != NULL) {
		check_line(p, (size_t)(lf - p), code);
		p = lf + 1;
	}
	check_line(p, n - (size_t)(p - buf), code);
	free(buf);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct answer answer;
	enum answer_status status;
	struct ehlo ehlo = { 0 };
	const uint8_t *line;
	size_t n;

	answer_start(&answer);
	while (next_part(&data, &size, '\n', &line, &n)) {
		char *copy = exact(line, n, false);

		status = answer_line(&answer, copy, n);
		ehlo_line(&ehlo, copy, n);
		MUST(answer.len <= ANSWER_MAX &&
		    strlen(answer.text) == answer.len);
		free(copy);
		if (status == ANSWER_DONE)
			check_for_client(&answer);
		if (status != ANSWER_MORE)
			answer_start(&answer);
	}
	MUST((ehlo.capabilities & CAP_AUTH) || !(ehlo.capabilities &
	    (CAP_AUTH_PLAIN | CAP_AUTH_LOGIN)));
	MUST((ehlo.capabilities & CAP_SIZE) || ehlo.size == 0);
	return 0;
}
