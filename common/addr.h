/* SPDX-License-Identifier: ISC */

#ifndef ADDR_H
#define ADDR_H

#include <sys/types.h>
#include <sys/socket.h>
#include <netinet/in.h>

#include <stdint.h>

/* "[" address "%scope" "]:" port, and a terminator */
#define ADDR_STRLEN	80

/* An IP address; IPv4 uses the first four bytes, the rest are zero. */
struct ipaddr {
	uint8_t		 af;		/* 4 or 6; 0 is unset */
	uint8_t		 pad[3];
	uint8_t		 a[16];		/* network order */
};

struct ipprefix {
	struct ipaddr	 addr;
	uint8_t		 len;
	uint8_t		 pad[3];
};

static inline int
ipaddr_bits(const struct ipaddr *ip)
{
	return (ip->af == 4 ? 32 : 128);
}

/*
 * Somebody at a DERP relay, who is told by a key.  Such an address is passed
 * on where a struct sockaddr is; the system never sees it.
 */
#define AF_RELAY	240
struct sockaddr_relay {
	struct sockaddr	 sa;		/* of family AF_RELAY */
	uint8_t		 key[32];
};

int		 ipaddr_parse(struct ipaddr *, const char *);
int		 host_name_ok(const char *);
int		 ipaddr_cmp(const struct ipaddr *, const struct ipaddr *);
const char	*ipaddr_str(const struct ipaddr *, char *, size_t);
void		 ipaddr_from4(struct ipaddr *, const void *);
void		 ipaddr_from6(struct ipaddr *, const void *);
int		 ipaddr_from_sa(struct ipaddr *, const struct sockaddr *);
int		 ipprefix_parse(struct ipprefix *, const char *);
void		 ipprefix_mask(struct ipprefix *);
int		 ipprefix_match(const struct ipprefix *,
		    const struct ipaddr *);
const char	*ipprefix_str(const struct ipprefix *, char *, size_t);
const char	*ipport_str(const struct ipaddr *, uint16_t, char *, size_t);
socklen_t	 sa_make(struct sockaddr_storage *, const struct ipaddr *,
		    uint16_t);
void		 sa_set_scope(struct sockaddr_storage *, uint32_t);
uint16_t	 sa_port(const struct sockaddr *);
socklen_t	 sa_make_relay(struct sockaddr_storage *,
		    const uint8_t [32]);
const uint8_t	*sa_relay(const struct sockaddr *);
int		 sa_equal(const struct sockaddr *, const struct sockaddr *);
const char	*sa_str(const struct sockaddr *, char *, size_t);
int		 port_parse(const char *, uint16_t *);

#endif
