/*
 * base/network.c: which address is in which network of trusted-proxy, and the
 * one form that each address has.
 */
#include "base/network.h"
#include "tests/unit/unit.h"

static const struct {
	const char *network;
	const char *in[6], *out[8];	/* addresses within and without */
} rows[] = {
{ "192.0.2.1", { "192.0.2.1", "::ffff:192.0.2.1", "::ffff:c000:201" },
  { "192.0.2.2", "192.0.2.0", "::192.0.2.1", "local", "", "192.0.2.1.", "2" } },
{ "10.0.0.0/8", { "10.0.0.0", "10.255.255.255", "::ffff:10.1.2.3" },
  { "11.0.0.0", "9.255.255.255", "::a00:1", "10.0.0", "10.0.0.1/8" } },
{ "192.0.2.128/25", { "192.0.2.128", "192.0.2.255" }, { "192.0.2.127" } },
{ "192.0.2.6/31", { "192.0.2.6", "192.0.2.7" }, { "192.0.2.5", "192.0.2.8" } },
{ "192.0.2.6/32", { "192.0.2.6" }, { "192.0.2.7" } },
{ "0.0.0.0/0", { "0.0.0.0", "255.255.255.255", "::ffff:1.2.3.4" },
  { "::1", "::", "local" } },
{ "::/0", { "::1", "2001:db8::1", "ffff::" },
  { "127.0.0.1", "::ffff:127.0.0.1" } },
{ "::1", { "::1", "0:0:0:0:0:0:0:1" }, { "::", "::2", "127.0.0.1" } },
{ "::1/128", { "::1" }, { "::" } },
{ "2001:db8::/32", { "2001:db8::", "2001:DB8:ffff::1" },
  { "2001:db9::", "2001:db7:ffff::" } },
{ "2001:db8:8000::/33", { "2001:db8:8000::1", "2001:db8:ffff::1" },
  { "2001:db8:7fff::1" } },
{ "::ffff:10.0.0.0/104", { "10.1.1.1", "::ffff:10.1.1.1" }, { "11.0.0.1" } },
{ "::ffff:192.0.2.1", { "192.0.2.1" }, { "192.0.2.2" } },
{ "::ffff:0.0.0.0/96", { "192.0.2.1" }, { "::1" } },
};

static const char *const none[] = {
	"", "/", "/8", "localhost", "local", "10", "10.0.0", "10.0.0.0.0",
	"256.0.0.1", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/+8",
	"10.0.0.0/08", "10.0.0.0/8 ", " 10.0.0.0/8", "10.0.0.0/8/8",
	"10.0.0.0/255.0.0.0", "10.0.0.0/x", "10.0.0.0/4294967304",
	"10.0.0.1/8", "192.0.2.1/31", "::1/127", "2001:db8::/129",
	"2001:db9::/31", "2001:db8::1/64", "[::1]", "::1%lo", "fe80::1%eth0",
	"::g", ":::", "1:2:3:4:5:6:7:8:9", "::ffff:10.0.0.0/95",
	"::ffff:10.0.0.1/104", "::ffff:10.0.0.0/8", "127.0.0.1:25", "*",
	"010.0.0.1", "0x7f.0.0.1", "2130706433",
	"2001:0db8:0000:0000:0000:0000:0000:0001:0000:0000:0000:0000/8"
};

static const struct {
	const char *in, *out;	/* NULL: it is none */
} forms[] = {
	{ "192.0.2.1", "192.0.2.1" }, { "0.0.0.0", "0.0.0.0" },
	{ "::FFFF:192.0.2.1", "192.0.2.1" }, { "::ffff:c000:0201", "192.0.2.1" },
	{ "2001:DB8:0:0:0:0:0:1", "2001:db8::1" }, { "::", "::" },
	{ "local", NULL }, { "", NULL }, { "192.0.2.1 ", NULL },
	{ "192.0.2.1\n", NULL }, { "192.0.2.01", NULL }, { "::1%lo", NULL },
	{ "192.0.2", NULL }, { "IPv6:::1", NULL }, { "[::1]", NULL },
};

static void
try_row(size_t i)
{
	const char *text = rows[i].network, *why;
	struct network network;
	size_t k;

	why = network_parse(text, &network);
	if (!ok(why == NULL, text, strlen(text), "refused: %s", why))
		return;
	for (k = 0; k < COUNT(rows[i].in) && rows[i].in[k] != NULL; k++)
		ok(network_has(&network, rows[i].in[k]), text, strlen(text),
		    "has not %s", rows[i].in[k]);
	for (k = 0; k < COUNT(rows[i].out) && rows[i].out[k] != NULL; k++)
		ok(!network_has(&network, rows[i].out[k]), text, strlen(text),
		    "has %s", rows[i].out[k]);
}

int
main(void)
{
	struct network network;
	char normal[64], small[8];
	size_t i;

	table("network: within and without");
	for (i = 0; i < COUNT(rows); i++)
		try_row(i);
	table("network: refused");
	for (i = 0; i < COUNT(none); i++)
		ok(network_parse(none[i], &network) != NULL, none[i],
		    strlen(none[i]), "taken");
	table("network: the form of an address");
	for (i = 0; i < COUNT(forms); i++) {
		if (!address_normal(forms[i].in, normal, sizeof(normal)))
			normal[0] = '\0';
		ok_string(forms[i].in, normal, forms[i].out == NULL ? "" :
		    forms[i].out);
	}
	ok(!address_normal("192.0.2.1", small, sizeof(small)), "small", 5,
	    "no room, and taken");
	return tables_done();
}
