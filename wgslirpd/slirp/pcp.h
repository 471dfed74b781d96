/* SPDX-License-Identifier: ISC */

#ifndef PCP_H
#define PCP_H

#include <stddef.h>
#include <stdint.h>

#include "addr.h"

/*
 * Messages of the Port Control Protocol (RFC 6887) and of NAT-PMP (RFC 6886),
 * without their meaning.
 */
#define PCP_PORT	5351
#define PCP_NONCE_LEN	12
#define PCP_ANSWER_MAX	1100

/* Result codes of PCP, RFC 6887 7.4. */
enum pcp_result {
	PCP_SUCCESS,
	PCP_UNSUPP_VERSION,
	PCP_NOT_AUTHORIZED,
	PCP_MALFORMED_REQUEST,
	PCP_UNSUPP_OPCODE,
	PCP_UNSUPP_OPTION,
	PCP_MALFORMED_OPTION,
	PCP_NETWORK_FAILURE,
	PCP_NO_RESOURCES,
	PCP_UNSUPP_PROTOCOL,
	PCP_USER_EX_QUOTA,
	PCP_CANNOT_PROVIDE_EXTERNAL,
	PCP_ADDRESS_MISMATCH
};

enum pcp_kind {
	PCP_MAP,
	PCP_ADDRESS,		/* NAT-PMP: what the external address is */
	PCP_ANNOUNCE
};

struct pcp_request {
	enum pcp_kind	 kind;
	uint8_t		 natpmp;	/* it is that */
	uint8_t		 opcode;	/* as it came */
	uint8_t		 proto;		/* IP protocol; 0: all */
	uint8_t		 exact;		/* that port, or none */
	uint8_t		 nonce[PCP_NONCE_LEN];
	uint16_t	 port;		/* of the guest; 0: all */
	uint16_t	 suggested;
	uint32_t	 lifetime;	/* seconds, 0: delete */
	uint16_t	 rawlen;	/* as it came */
	uint8_t		 raw[PCP_ANSWER_MAX];
};

/*
 * Take a request of len bytes from src apart: 0, a result that is to be
 * answered, or -1 if nothing is.
 */
int	 pcp_parse(const uint8_t *, size_t, const struct ipaddr *,
	    struct pcp_request *);

/*
 * The answer to it; port and address are the external ones, epoch is in
 * seconds, lifetime that of the mapping, or of the error.  Its length, at most
 * PCP_ANSWER_MAX; room for a request's bytes is not needed.
 */
size_t	 pcp_answer(const struct pcp_request *, enum pcp_result, uint32_t,
	    uint32_t, uint16_t, const struct ipaddr *, uint8_t *);

#endif
