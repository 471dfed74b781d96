/* SPDX-License-Identifier: ISC */

#include <sys/types.h>
#include <netinet/in.h>

#include <string.h>

#include "net/bytes.h"
#include "pcp.h"

#define PCP_VERSION		2
#define PCP_HDR			24
#define PCP_MAP_LEN		36	/* behind the header */
#define PCP_MAX			1100
#define PCP_REPLY		0x80

#define OPCODE_ANNOUNCE		0
#define OPCODE_MAP		1

#define OPTION_PREFER_FAILURE	2
#define OPTION_OPTIONAL		128	/* and above: need not be known */

/* NAT-PMP, RFC 6886 3. */
#define PMP_VERSION		0
#define PMP_ADDRESS		0
#define PMP_UDP			1
#define PMP_TCP			2
#define PMP_MAP_LEN		12
#define PMP_REPLY		128
enum pmp_result {
	PMP_SUCCESS,
	PMP_UNSUPP_VERSION,
	PMP_NOT_AUTHORIZED,
	PMP_NETWORK_FAILURE,
	PMP_NO_RESOURCES,
	PMP_UNSUPP_OPCODE
};

static int
parse_natpmp(const uint8_t *m, size_t len, const struct ipaddr *src,
    struct pcp_request *r)
{
	r->opcode = m[1];
	if (m[1] >= PMP_REPLY)
		return (-1);
	if (src->af != 4)
		return (PCP_UNSUPP_VERSION);
	r->natpmp = 1;
	if (m[1] == PMP_ADDRESS) {
		r->kind = PCP_ADDRESS;
		return (0);
	}
	if (m[1] != PMP_UDP && m[1] != PMP_TCP)
		return (PCP_UNSUPP_OPCODE);
	if (len < PMP_MAP_LEN)
		return (-1);
	r->kind = PCP_MAP;
	r->proto = m[1] == PMP_UDP ? IPPROTO_UDP : IPPROTO_TCP;
	r->port = be16(m + 4);
	r->suggested = be16(m + 6);
	r->lifetime = be32(m + 8);
	/* all of a protocol can only be deleted (3.4) */
	if (r->port == 0 && r->lifetime != 0)
		return (PCP_MALFORMED_REQUEST);
	return (0);
}

/* Options behind a request (RFC 6887 7.3). */
static int
parse_options(const uint8_t *o, size_t len, struct pcp_request *r)
{
	size_t	 n;

	while (len >= 4) {
		n = be16(o + 2);
		if (n > len - 4)
			return (PCP_MALFORMED_OPTION);
		if (o[0] == OPTION_PREFER_FAILURE && r->kind == PCP_MAP) {
			if (n != 0 || r->exact)
				return (PCP_MALFORMED_OPTION);
			r->exact = 1;
		} else if (o[0] < OPTION_OPTIONAL)
			return (PCP_UNSUPP_OPTION);
		n = (n + 3) & ~(size_t)3;
		if (n > len - 4)
			return (PCP_MALFORMED_OPTION);
		o += 4 + n;
		len -= 4 + n;
	}
	return (0);
}

/* The client's address has to be that of the packet (8.1). */
static int
is_client(const uint8_t *p, const struct ipaddr *src)
{
	static const uint8_t	 mapped[12] = { [10] = 0xff, [11] = 0xff };

	if (src->af == 6)
		return (memcmp(p, src->a, 16) == 0);
	return (memcmp(p, mapped, 12) == 0 && memcmp(p + 12, src->a, 4) == 0);
}

int
pcp_parse(const uint8_t *m, size_t len, const struct ipaddr *src,
    struct pcp_request *r)
{
	memset(r, 0, sizeof(*r));
	if (len < 2)
		return (-1);
	/* which is said again if it is refused (RFC 6887 8.3) */
	r->rawlen = len < sizeof(r->raw) ? (uint16_t)len : sizeof(r->raw);
	memcpy(r->raw, m, r->rawlen);
	if (m[0] == PMP_VERSION)
		return (parse_natpmp(m, len, src, r));
	r->opcode = m[1];
	if (m[1] & PCP_REPLY)
		return (-1);
	if (m[0] != PCP_VERSION)
		return (PCP_UNSUPP_VERSION);
	if (len < PCP_HDR)
		return (PCP_MALFORMED_REQUEST);
	r->lifetime = be32(m + 4);
	if (len > PCP_MAX || len % 4 != 0)
		return (PCP_MALFORMED_REQUEST);
	if (!is_client(m + 8, src))
		return (PCP_ADDRESS_MISMATCH);
	if (m[1] == OPCODE_ANNOUNCE) {
		r->kind = PCP_ANNOUNCE;
		return (parse_options(m + PCP_HDR, len - PCP_HDR, r));
	}
	if (m[1] != OPCODE_MAP)
		return (PCP_UNSUPP_OPCODE);
	if (len < PCP_HDR + PCP_MAP_LEN)
		return (PCP_MALFORMED_REQUEST);
	m += PCP_HDR;
	len -= PCP_HDR;
	r->kind = PCP_MAP;
	memcpy(r->nonce, m, PCP_NONCE_LEN);
	r->proto = m[12];
	r->port = be16(m + 16);
	r->suggested = be16(m + 18);
	if (r->proto == 0 && r->port != 0)
		return (PCP_MALFORMED_REQUEST);
	if (r->proto != IPPROTO_TCP && r->proto != IPPROTO_UDP &&
	    (r->proto != 0 || r->lifetime != 0))
		return (PCP_UNSUPP_PROTOCOL);
	/* all ports of a guest would be a host of its own */
	if (r->port == 0 && r->lifetime != 0)
		return (PCP_UNSUPP_PROTOCOL);
	return (parse_options(m + PCP_MAP_LEN, len - PCP_MAP_LEN, r));
}

static enum pmp_result
pmp_result(enum pcp_result e)
{
	switch (e) {
	case PCP_SUCCESS:
		return (PMP_SUCCESS);
	case PCP_UNSUPP_VERSION:
		return (PMP_UNSUPP_VERSION);
	case PCP_NOT_AUTHORIZED:
		return (PMP_NOT_AUTHORIZED);
	case PCP_NETWORK_FAILURE:
		return (PMP_NETWORK_FAILURE);
	case PCP_UNSUPP_OPCODE:
		return (PMP_UNSUPP_OPCODE);
	default:
		return (PMP_NO_RESOURCES);
	}
}

static size_t
natpmp_answer(const struct pcp_request *r, enum pcp_result e, uint32_t epoch,
    uint32_t lifetime, uint16_t port, const struct ipaddr *addr, uint8_t *m)
{
	size_t	 len = r->kind == PCP_ADDRESS ? 12 : 16;

	memset(m, 0, len);
	m[0] = PMP_VERSION;
	m[1] = r->opcode | PMP_REPLY;
	put16(m + 2, pmp_result(e));
	put32(m + 4, epoch);
	if (e == PCP_UNSUPP_OPCODE)
		return (8);
	if (r->kind == PCP_ADDRESS) {
		if (e == PCP_SUCCESS)
			memcpy(m + 8, addr->a, 4);
		return (len);
	}
	put16(m + 8, r->port);
	if (e == PCP_SUCCESS) {
		put16(m + 10, port);
		put32(m + 12, lifetime);
	}
	return (len);
}

size_t
pcp_answer(const struct pcp_request *r, enum pcp_result e, uint32_t epoch,
    uint32_t lifetime, uint16_t port, const struct ipaddr *addr, uint8_t *m)
{
	uint8_t	*p = m + PCP_HDR;

	if (r->natpmp)
		return (natpmp_answer(r, e, epoch, lifetime, port, addr, m));
	memset(m, 0, PCP_ANSWER_MAX);
	if (e != PCP_SUCCESS) {
		memcpy(m, r->raw, r->rawlen);
		memset(m + 2, 0, PCP_HDR - 2);
	}
	m[0] = PCP_VERSION;
	m[1] = r->opcode | PCP_REPLY;
	m[3] = (uint8_t)e;
	put32(m + 4, lifetime);
	put32(m + 8, epoch);
	if (e != PCP_SUCCESS)
		return (r->rawlen < PCP_HDR ? PCP_HDR :
		    (r->rawlen + 3U) & ~3U);
	if (r->kind != PCP_MAP)
		return (PCP_HDR);
	memcpy(p, r->nonce, PCP_NONCE_LEN);
	p[12] = r->proto;
	put16(p + 16, r->port);
	put16(p + 18, port);
	if (addr->af == 6)
		memcpy(p + 20, addr->a, 16);
	else {
		p[30] = p[31] = 0xff;
		memcpy(p + 32, addr->a, 4);
	}
	if (!r->exact)
		return (PCP_HDR + PCP_MAP_LEN);
	/* an option that was heeded is said again */
	p[PCP_MAP_LEN] = OPTION_PREFER_FAILURE;
	return (PCP_HDR + PCP_MAP_LEN + 4);
}
