/*
 *	mailbox-list	= mailbox *( "," mailbox )		RFC 5322 3.4
 *	mailbox		= [ phrase ] "<" addr-spec ">" / addr-spec
 *	addr-spec	= local-part "@" domain			3.4.1
 *	local-part	= word *( "." word )		4.4, obs-local-part
 *	domain		= atom *( "." atom ) / "[" *dtext "]"	4.4, obs-domain
 *	phrase		= word *( word / "." )			4.1, obs-phrase
 *	word		= atom / quoted-string			3.2.5
 *	CFWS		= white space, folding, ( nested comments )	3.2.2
 *
 * Octets above 127 may stand in phrases and comments, not in addresses.
 */
#include <string.h>

#include "message/address.h"

struct text {
	const char *p, *end;
};

struct spec {
	char *out;
	size_t len;
	bool bad;
};

static void
put(struct spec *spec, char c)
{
	if (spec->len == ADDRESS_MAX)
		spec->bad = true;
	else
		spec->out[spec->len++] = c;
}

/* Behind a comment, or NULL if it is not closed. */
static const char *
skip_comment(const char *p, const char *end)
{
	unsigned depth = 0;

	for (; p < end; p++) {
		if (*p == '\\' && p + 1 < end)
			p++;
		else if (*p == '(')
			depth++;
		else if (*p == ')' && --depth == 0)
			return p + 1;
	}
	return NULL;
}

/* False if a comment is not closed. */
static bool
skip_cfws(struct text *t)
{
	while (t->p < t->end) {
		if (*t->p == ' ' || *t->p == '\t' || *t->p == '\r' ||
		    *t->p == '\n') {
			t->p++;
		} else if (*t->p == '(') {
			const char *behind = skip_comment(t->p, t->end);

			if (behind == NULL)
				return false;
			t->p = behind;
		} else {
			break;
		}
	}
	return true;
}

static bool
at(const struct text *t, char c)
{
	return t->p < t->end && *t->p == c;
}

static bool
is_atext(char c, bool eight_bit)
{
	if ((unsigned char)c > 126)
		return eight_bit && (unsigned char)c > 127;
	return c > ' ' && strchr("()<>[]:;@\\,.\"", c) == NULL;
}

static bool
take_atom(struct text *t, struct spec *spec)
{
	const char *start = t->p;

	while (t->p < t->end && is_atext(*t->p, spec == NULL)) {
		if (spec != NULL)
			put(spec, *t->p);
		t->p++;
	}
	return t->p > start;
}

/* Quotes that are not needed go, so that "alice"@x compares as alice@x. */
static void
put_quoted(struct spec *spec, const char *p, size_t n)
{
	bool plain = n > 0;
	size_t i;

	for (i = 0; i < n; i++)
		plain = plain && (is_atext(p[i], false) || (p[i] == '.' &&
		    i > 0 && i + 1 < n && p[i - 1] != '.'));
	if (!plain)
		put(spec, '"');
	for (i = 0; i < n; i++) {
		if (p[i] == '"' || p[i] == '\\')
			put(spec, '\\');
		put(spec, p[i]);
	}
	if (!plain)
		put(spec, '"');
}

static bool
take_quoted(struct text *t, struct spec *spec)
{
	char content[ADDRESS_MAX];
	size_t n = 0;

	if (!at(t, '"'))
		return false;
	for (t->p++; t->p < t->end && *t->p != '"'; t->p++) {
		if (*t->p == '\\' && t->p + 1 < t->end)
			t->p++;
		if (*t->p == '\r' || *t->p == '\n')
			continue;	/* folding */
		if (spec == NULL)
			continue;
		if (n == sizeof(content) || *t->p < ' ' || *t->p > '~') {
			spec->bad = true;
			continue;
		}
		content[n++] = *t->p;
	}
	if (!at(t, '"'))
		return false;
	t->p++;
	if (spec != NULL)
		put_quoted(spec, content, n);
	return true;
}

static bool
take_word(struct text *t, struct spec *spec)
{
	return take_quoted(t, spec) || take_atom(t, spec);
}

static bool
take_literal(struct text *t, struct spec *spec)
{
	for (; t->p < t->end && *t->p != ']'; t->p++) {
		if (*t->p <= ' ' || *t->p > '~' || *t->p == '\\')
			return false;
		put(spec, *t->p);
	}
	if (!at(t, ']'))
		return false;
	put(spec, *t->p++);
	return true;
}

/* word *( "." word ), or atoms only, with CFWS anywhere between */
static bool
take_dotted(struct text *t, struct spec *spec, bool quoted)
{
	for (;;) {
		if (!skip_cfws(t) ||
		    !(quoted ? take_word(t, spec) : take_atom(t, spec)) ||
		    !skip_cfws(t))
			return false;
		if (!at(t, '.'))
			return true;
		put(spec, *t->p++);
	}
}

/* A local part alone is an address without a domain. */
static bool
take_spec(struct text *t, struct spec *spec)
{
	if (!take_dotted(t, spec, true))
		return false;
	if (!at(t, '@'))
		return true;
	put(spec, *t->p++);
	if (!skip_cfws(t))
		return false;
	if (at(t, '['))
		return take_literal(t, spec) && skip_cfws(t);
	return take_dotted(t, spec, false);
}

static bool
at_end_of_address(const struct text *t)
{
	return t->p == t->end || *t->p == ',';
}

static bool
skip_phrase(struct text *t)
{
	while (skip_cfws(t)) {
		if (at(t, '<'))
			return true;
		if (at(t, '.'))
			t->p++;
		else if (!take_word(t, NULL))
			return false;
	}
	return false;
}

static bool
take_angle(struct text *t, struct spec *spec)
{
	if (!skip_phrase(t))
		return false;
	t->p++;
	if (!take_spec(t, spec) || !at(t, '>'))
		return false;
	t->p++;
	return skip_cfws(t);
}

enum address_status
address_next(const char **p, const char *end, char address[ADDRESS_MAX + 1])
{
	struct text t = { *p, end };
	struct spec spec = { .out = address };

	for (;;) {	/* empty members, 4.4 */
		if (!skip_cfws(&t))
			return ADDRESS_BAD;
		if (!at(&t, ','))
			break;
		t.p++;
	}
	*p = t.p;
	if (t.p == end)
		return ADDRESS_END;
	if (!take_spec(&t, &spec) || !at_end_of_address(&t)) {
		t.p = *p;
		spec = (struct spec){ .out = address };
		if (!take_angle(&t, &spec) || !at_end_of_address(&t))
			return ADDRESS_BAD;
	}
	if (spec.bad || spec.len == 0)
		return ADDRESS_BAD;
	address[spec.len] = '\0';
	*p = t.p;
	return ADDRESS_ONE;
}
