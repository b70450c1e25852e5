/*
 *	mailbox-list	= mailbox *( "," mailbox )		RFC 5322 3.4
 *	address-list	= the same with groups in it
 *	group		= phrase ":" [ mailbox-list ] ";"
 *	mailbox		= [ phrase ] "<" addr-spec ">" / addr-spec
 *	obs-route	= "@" domain *( "," "@" domain ) ":"	4.4, behind "<"
 *	addr-spec	= local-part "@" domain			3.4.1
 *	local-part	= word *( "." word )		4.4, obs-local-part
 *	domain		= atom *( "." atom ) / "[" *dtext "]"	4.4, obs-domain
 *	phrase		= word *( word / "." )			4.1, obs-phrase
 *	word		= atom / quoted-string			3.2.5
 *	CFWS		= white space, folding, ( nested comments )	3.2.2
 *
 * Octets above 127 may stand anywhere in phrases and comments, in addresses
 * if they are UTF-8 (RFC 6532 3.2).
 */
#include <string.h>

#include "base/text.h"
#include "message/address.h"
#include "message/cfws.h"

struct text {
	const char *p, *end;
};

struct spec {
	char *out;
	size_t len;
	bool bad;
	const char *word_end;	/* of the last word, in the field */
	const char *local_end;
	bool has_domain;
};

static void
put(struct spec *spec, char c)
{
	if (spec->len == ADDRESS_MAX)
		spec->bad = true;
	else
		spec->out[spec->len++] = c;
}

/* False if a comment is not closed. */
static bool
skip_cfws(struct text *t)
{
	const char *behind = cfws_skip(t->p, t->end);

	if (behind != NULL)
		t->p = behind;
	return behind != NULL;
}

static bool
at(const struct text *t, char c)
{
	return t->p < t->end && *t->p == c;
}

static bool
is_atext(char c)
{
	if ((unsigned char)c > 126)
		return (unsigned char)c > 127;
	return c > ' ' && strchr("()<>[]:;@\\,.\"", c) == NULL;
}

static bool
take_atom(struct text *t, struct spec *spec)
{
	const char *start = t->p;

	while (t->p < t->end && is_atext(*t->p)) {
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
		plain = plain && (is_atext(p[i]) || (p[i] == '.' &&
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
		if (n == sizeof(content) || (unsigned char)*t->p < ' ' ||
		    *t->p == 127) {
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
		    !(quoted ? take_word(t, spec) : take_atom(t, spec)))
			return false;
		spec->word_end = t->p;
		if (!skip_cfws(t))
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
	spec->local_end = spec->word_end;
	spec->has_domain = at(t, '@');
	if (!spec->has_domain)
		return true;
	put(spec, *t->p++);
	if (!skip_cfws(t))
		return false;
	if (at(t, '['))
		return take_literal(t, spec) && skip_cfws(t);
	return take_dotted(t, spec, false);
}

/* Up to an octet that no phrase holds */
static bool
skip_phrase(struct text *t, char until)
{
	while (skip_cfws(t)) {
		if (at(t, until))
			return true;
		if (at(t, '.'))
			t->p++;
		else if (!take_word(t, NULL))
			return false;
	}
	return false;
}

/* obs-route of 4.4: domains, each behind an "@", and a colon */
static bool
skip_route(struct text *t)
{
	char domain[ADDRESS_MAX];

	while (skip_cfws(t)) {
		struct spec spec = { .out = domain };

		if (at(t, ':')) {
			t->p++;
			return true;
		}
		if (at(t, ',')) {
			t->p++;
			continue;
		}
		if (!at(t, '@'))
			return false;
		t->p++;
		if (!skip_cfws(t) || !(at(t, '[') ? take_literal(t, &spec) :
		    take_dotted(t, &spec, false)))
			return false;
	}
	return false;
}

static bool
take_angle(struct text *t, struct spec *spec, bool routes)
{
	if (!skip_phrase(t, '<'))
		return false;
	t->p++;
	if (!skip_cfws(t) || (routes && at(t, '@') && !skip_route(t)))
		return false;
	if (!take_spec(t, spec) || !at(t, '>'))
		return false;
	t->p++;
	return skip_cfws(t);
}

static bool
at_end_of_address(const struct text *t, bool in_group)
{
	return t->p == t->end || *t->p == ',' || (in_group && *t->p == ';');
}

static bool
take_mailbox(struct text *t, struct spec *spec,
    const struct address_list *list)
{
	const char *start = t->p;

	if (take_spec(t, spec) && at_end_of_address(t, list->in_group))
		return true;
	t->p = start;
	*spec = (struct spec){ .out = spec->out };
	return take_angle(t, spec, list->recipients) &&
	    at_end_of_address(t, list->in_group);
}

/* Empty members (4.4), and where groups begin and end */
static bool
skip_to_mailbox(struct text *t, struct address_list *list)
{
	while (skip_cfws(t)) {
		if (at(t, ',')) {
			t->p++;
		} else if (list->in_group && at(t, ';')) {
			t->p++;
			list->in_group = false;
			if (!skip_cfws(t) || !at_end_of_address(t, false))
				return false;
		} else {
			return true;
		}
	}
	return false;
}

static bool
take_group_start(struct text *t, struct address_list *list)
{
	if (!list->recipients || list->in_group || at(t, ':') ||
	    !skip_phrase(t, ':'))
		return false;
	t->p++;
	list->in_group = true;
	return true;
}

enum address_status
mailbox_next(struct address_list *list, struct mailbox *mailbox)
{
	struct text t = { list->p, list->end };
	struct spec spec = { .out = mailbox->address };

	for (;;) {
		if (!skip_to_mailbox(&t, list))
			return ADDRESS_BAD;
		list->p = t.p;
		if (t.p == t.end)
			return list->in_group ? ADDRESS_BAD : ADDRESS_END;
		if (take_mailbox(&t, &spec, list))
			break;
		t.p = list->p;
		spec = (struct spec){ .out = mailbox->address };
		if (!take_group_start(&t, list))
			return ADDRESS_BAD;
	}
	if (spec.bad || spec.len == 0 || !utf8_is_clean(spec.out,
	    spec.len))
		return ADDRESS_BAD;
	mailbox->address[spec.len] = '\0';
	mailbox->local_end = spec.local_end;
	mailbox->has_domain = spec.has_domain;
	list->p = t.p;
	return ADDRESS_ONE;
}

enum address_status
address_next(const char **p, const char *end, char address[ADDRESS_MAX + 1])
{
	struct address_list list = { .p = *p, .end = end };
	struct mailbox mailbox;
	enum address_status status = mailbox_next(&list, &mailbox);

	*p = list.p;
	if (status == ADDRESS_ONE)
		memcpy(address, mailbox.address, strlen(mailbox.address) + 1);
	return status;
}

bool
address_is_qualified(const struct mailbox *mailbox)
{
	const char *sign = strrchr(mailbox->address, '@');

	return mailbox->has_domain && sign != NULL &&
	    (sign[1] == '[' || strchr(sign, '.') != NULL);
}
