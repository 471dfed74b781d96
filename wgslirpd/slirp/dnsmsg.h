/* SPDX-License-Identifier: ISC */

#ifndef SLIRP_DNSMSG_H
#define SLIRP_DNSMSG_H

#include <sys/types.h>

#include <stdint.h>

#include "addr.h"

#define DNS_NAME_MAX	255		/* as it is in messages */
#define DNS_HDR		12
#define DNS_MSG_MAX	65535
#define DNS_UDP_MIN	512		/* without EDNS */
#define DNS_UDP_OURS	1232		/* that we ask for, and offer */

#define DNS_TYPE_A	1
#define DNS_TYPE_CNAME	5
#define DNS_TYPE_PTR	12
#define DNS_TYPE_AAAA	28
#define DNS_CLASS_IN	1

#define DNS_NOERROR	0
#define DNS_FORMERR	1
#define DNS_SERVFAIL	2
#define DNS_NXDOMAIN	3
#define DNS_NOTIMP	4

/* A question, as a guest asked it. */
struct dns_question {
	uint16_t	 id;
	uint16_t	 type;
	uint16_t	 class;
	uint16_t	 size;		/* of an answer by UDP */
	uint32_t	 where;		/* it is asked: here (0), or elsewhere */
	uint8_t		 opcode;
	uint8_t		 rd;		/* flags of the header */
	uint8_t		 cd;
	uint8_t		 ad;
	uint8_t		 edns;		/* it has an OPT record */
	uint8_t		 dnssec;	/* with the DO bit */
	uint8_t		 namelen;
	uint8_t		 name[DNS_NAME_MAX];	/* uncompressed */
};

/*
 * dnsmsg_parse:	take a question apart; -1: not one, 1: answer it with
 *			that error code instead
 * dnsmsg_same:		is it the same question, whoever asks?
 * dnsmsg_upstream:	the question for an upstream, with our id
 * dnsmsg_check:	is it an answer to this?  -1: no, else its length
 *			without what is between us and the upstream; *ttl in
 *			seconds, 0: not to be kept; *tc: it is cut short
 * dnsmsg_answer:	an answer for who asked, from one that was checked
 *			age seconds ago; by UDP no longer than that takes
 * dnsmsg_error:	an answer without records
 * dnsmsg_address:	one with addresses, of the question's type; room is
 *			for all but the OPT record
 * dnsmsg_pointer:	one with a name
 * dnsmsg_text:		the question's name as text, lower case; -1: it
 *			has dots or NULs within labels
 * dnsmsg_alias:	the n-th name, as text in lower case, that an answer
 *			has as an alias of another; -1: there are no more
 * dnsmsg_question:	a question of our own for a host name; -1: it is none
 * dnsmsg_addresses:	the addresses that an answer to it has, along its
 *			aliases, at most so many; -1: it is an error
 */
int	 dnsmsg_parse(const uint8_t *, size_t, struct dns_question *, int *);
int	 dnsmsg_same(const struct dns_question *,
	    const struct dns_question *);
size_t	 dnsmsg_upstream(const struct dns_question *, uint16_t, uint8_t *,
	    size_t);
/*
 * The same with padding (RFC 8467 4.1), for a way on which its length alone is
 * seen.
 */
size_t	 dnsmsg_padded(const struct dns_question *, uint16_t, uint8_t *,
	    size_t);
ssize_t	 dnsmsg_check(uint8_t *, size_t, const struct dns_question *,
	    uint16_t, uint32_t *, int *);
size_t	 dnsmsg_answer(const uint8_t *, size_t, const struct dns_question *,
	    uint32_t, int, uint8_t *, size_t);
size_t	 dnsmsg_error(const struct dns_question *, int, uint8_t *, size_t);
size_t	 dnsmsg_address(const struct dns_question *, const struct ipaddr *,
	    size_t, uint32_t, int, uint8_t *, size_t);
size_t	 dnsmsg_pointer(const struct dns_question *, const char *, uint32_t,
	    uint8_t *, size_t);
int	 dnsmsg_text(const struct dns_question *, char *, size_t);
int	 dnsmsg_alias(const uint8_t *, size_t, int, char *, size_t);
int	 dnsmsg_question(const char *, uint16_t, struct dns_question *);
int	 dnsmsg_addresses(const uint8_t *, size_t,
	    const struct dns_question *, struct ipaddr *, size_t);

#endif
