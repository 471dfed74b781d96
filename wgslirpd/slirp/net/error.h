/* SPDX-License-Identifier: ISC */

#ifndef ERROR_H
#define ERROR_H

#include <stdint.h>

#include "packet.h"
#include "policy.h"
#include "peer.h"

#define ICMP4_ECHOREPLY		0
#define ICMP4_UNREACH		3
#define ICMP4_ECHO		8
#define ICMP4_TIMXCEED		11
#define ICMP4_PARAM		12
#define ICMP6_UNREACH		1
#define ICMP6_TOOBIG		2
#define ICMP6_TIMXCEED		3
#define ICMP6_PARAM		4
#define ICMP6_ECHO		128
#define ICMP6_ECHOREPLY		129
#define ICMP_HDR_LEN		8

void		 error_unreach(struct slirp *, const struct ippkt *, uint8_t,
		    uint8_t, uint32_t);
void		 error_blocked(struct slirp *, const struct ippkt *,
		    enum verdict);
int		 error_of_errno(int, uint8_t, uint8_t *, uint8_t *);
void		 error_relay(struct slirp *, struct flow *, uint8_t, uint32_t,
		    const struct host_error *);
void		 error_too_big(struct slirp *, struct flow *,
		    const struct ippkt *);
void		 error_drain(struct slirp *, struct flow *);

#endif
