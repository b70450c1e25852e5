#include <string.h>

#include "order.h"

static void
pack_addresses(struct pack *pack, const struct addresses *all)
{
	size_t i, k;

	for (i = 0; i < ROUTES_MAX; i++) {
		pack_u8(pack, all[i].n);
		for (k = 0; k < all[i].n; k++)
			pack_bytes(pack, &all[i].ss[k], all[i].len[k]);
	}
}

static void
unpack_addresses(struct unpack *unpack, struct addresses *all)
{
	const unsigned char *p;
	size_t i, k, len;

	for (i = 0; i < ROUTES_MAX; i++) {
		all[i].n = unpack_u8(unpack);
		if (all[i].n > ADDRESSES_MAX) {
			unpack->bad = true;
			return;
		}
		for (k = 0; k < all[i].n; k++) {
			p = unpack_bytes(unpack, &len);
			if (p == NULL || len > sizeof(all[i].ss[k])) {
				unpack->bad = true;
				return;
			}
			memcpy(&all[i].ss[k], p, len);
			all[i].len[k] = (socklen_t)len;
		}
	}
}

void
ehlo_pack(struct pack *pack, const struct ehlo *ehlo)
{
	size_t i;

	pack_u32(pack, ehlo->capabilities);
	pack_u64(pack, ehlo->size);
	pack_u32(pack, ehlo->by_min);
	pack_u32(pack, ehlo->hold_max);
	for (i = 0; i < LIMITS; i++)
		pack_u32(pack, ehlo->limits[i]);
	pack_string(pack, ehlo->profile);
	pack_string(pack, ehlo->solicit);
}

void
ehlo_unpack(struct unpack *unpack, struct ehlo *ehlo)
{
	size_t i;

	memset(ehlo, 0, sizeof(*ehlo));
	ehlo->capabilities = unpack_u32(unpack);
	ehlo->size = unpack_u64(unpack);
	ehlo->by_min = unpack_u32(unpack);
	ehlo->hold_max = unpack_u32(unpack);
	for (i = 0; i < LIMITS; i++)
		ehlo->limits[i] = unpack_u32(unpack);
	unpack_string(unpack, ehlo->profile, sizeof(ehlo->profile));
	unpack_string(unpack, ehlo->solicit, sizeof(ehlo->solicit));
	unpack->bad |= !ehlo_is_valid(ehlo);
}

size_t
order_pack(const struct order *order, void *buf, size_t size)
{
	struct pack pack;

	pack_start(&pack, buf, size);
	pack_string(&pack, order->user);
	pack_string(&pack, order->senders);
	pack_string(&pack, order->id);
	pack_string(&pack, order->client);
	pack_u64(&pack, order->max_size);
	pack_string(&pack, order->relays);
	pack_u32(&pack, order->last);
	pack_u8(&pack, order->relay_token);
	pack_string(&pack, order->relay_user);
	pack_string(&pack, order->relay_password);
	pack_addresses(&pack, order->addresses);
	return pack.bad ? 0 : pack.len;
}

bool
order_unpack(struct order *order, const void *buf, size_t len)
{
	struct unpack unpack;
	unsigned token;

	memset(order, 0, sizeof(*order));
	unpack_start(&unpack, buf, len);
	unpack_string(&unpack, order->user, sizeof(order->user));
	unpack_string(&unpack, order->senders, sizeof(order->senders));
	unpack_string(&unpack, order->id, sizeof(order->id));
	unpack_string(&unpack, order->client, sizeof(order->client));
	order->max_size = unpack_u64(&unpack);
	unpack_string(&unpack, order->relays, sizeof(order->relays));
	order->last = unpack_u32(&unpack);
	token = unpack_u8(&unpack);
	unpack.bad |= token > 1;
	order->relay_token = token == 1;
	unpack_string(&unpack, order->relay_user, sizeof(order->relay_user));
	unpack_string(&unpack, order->relay_password,
	    sizeof(order->relay_password));
	unpack_addresses(&unpack, order->addresses);
	return unpack_done(&unpack);
}

size_t
report_pack(const struct report *report, void *buf, size_t size)
{
	struct pack pack;

	pack_start(&pack, buf, size);
	ehlo_pack(&pack, &report->ehlo);
	pack_u32(&pack, report->failed);
	pack_addresses(&pack, report->addresses);
	return pack.bad ? 0 : pack.len;
}

bool
report_unpack(struct report *report, const void *buf, size_t len)
{
	struct unpack unpack;

	memset(report, 0, sizeof(*report));
	unpack_start(&unpack, buf, len);
	ehlo_unpack(&unpack, &report->ehlo);
	report->failed = unpack_u32(&unpack);
	unpack_addresses(&unpack, report->addresses);
	return unpack_done(&unpack);
}
