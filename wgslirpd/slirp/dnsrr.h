/* SPDX-License-Identifier: ISC */

#ifndef DNSRR_H
#define DNSRR_H

#include <sys/types.h>

#include <stdint.h>

/*
 * The records of a DNS message (RFC 1035 4.1.3), and names.  Nothing is read
 * that is not within the message, and no name is followed but backwards.
 */
#define DNSRR_LABEL	63		/* bytes of a label, at most */
#define DNSRR_NAME	255		/* of a name, as it is in messages */
#define DNSRR_TEXT	1025		/* as text, all of it escaped */

enum dnsrr_section {
	DNSRR_ANSWER,
	DNSRR_AUTHORITY,
	DNSRR_ADDITIONAL,
	DNSRR_SECTIONS
};

struct dnsrr {
	enum dnsrr_section	 section;
	unsigned int		 left;	/* of its section, this one included */
	size_t			 name;	/* offsets in the message */
	size_t			 data;
	uint16_t		 len;	/* of that */
	uint16_t		 type;
	uint16_t		 class;
	uint32_t		 ttl;
};

/* Where one is among the records of a message. */
struct dnsrr_walk {
	const uint8_t		*msg;
	size_t			 len;
	size_t			 at;
	enum dnsrr_section	 section;
	unsigned int		 left;	/* of this section */
};

/*
 * dnsrr_begin:		stand before the first record; -1 if the message is not
 *			whole, or has something behind its records
 * dnsrr_next:		the next record; 0: there is none
 * dnsrr_count:		how many records a section says that it has
 * dnsrr_skip_name:	the length of a name at an offset, compressed or not;
 *			0 if it is none
 * dnsrr_name:		a name, uncompressed and in lower case; its length, or
 *			-1
 * dnsrr_text:		such a name as text, without a dot at its end; what is
 *			no letter, digit, "-" or "_" within a label is written
 *			as in RFC 1035 5.1, "\ddd"; -1 if it does not fit
 * dnsrr_put_name:	the opposite, of a text without escapes: its length; -1
 *			if a label, or all of it, is too long or empty
 * dnsrr_put_host:	the same, if it is the name of a host
 */
int	 dnsrr_begin(struct dnsrr_walk *, const uint8_t *, size_t);
int	 dnsrr_next(struct dnsrr_walk *, struct dnsrr *);
unsigned int	 dnsrr_count(const uint8_t *, enum dnsrr_section);
size_t	 dnsrr_skip_name(const uint8_t *, size_t, size_t);
int	 dnsrr_name(const uint8_t *, size_t, size_t,
	    uint8_t [DNSRR_NAME]);
int	 dnsrr_text(const uint8_t *, char *, size_t);
int	 dnsrr_put_name(const char *, uint8_t [DNSRR_NAME]);
int	 dnsrr_put_host(const char *, uint8_t [DNSRR_NAME]);

static inline uint16_t
dns_u16(const uint8_t *p)
{
	return ((uint16_t)(p[0] << 8 | p[1]));
}

static inline uint32_t
dns_u32(const uint8_t *p)
{
	return ((uint32_t)dns_u16(p) << 16 | dns_u16(p + 2));
}

#endif
