/* SPDX-License-Identifier: ISC */

#ifndef COUNTERS_H
#define COUNTERS_H

#include <stdint.h>

/*
 * Every counter of the two engines: C(name, what it counts).  The names
 * are the keys of "wgslirpctl show counters"; both programs are built
 * from these lists, so that they cannot differ.
 */
#define CRYPTO_COUNTERS(C)						\
	C(wg_rx_datagrams, "UDP datagrams received")			\
	C(wg_rx_batches, "receive calls that returned something")	\
	C(wg_rx_pauses, "pauses in reading what anybody can send")	\
	C(wg_rx_bytes, "UDP bytes received")				\
	C(wg_tx_datagrams, "UDP datagrams sent")			\
	C(wg_tx_batches, "send calls")					\
	C(wg_tx_bytes, "UDP bytes sent")				\
	C(wg_rx_genuine, "data messages that a session's key opened")	\
	C(wg_rx_packets, "inner packets accepted")			\
	C(wg_rx_keepalives, "keepalives received")			\
	C(wg_overlay_packets, "inner packets sent on to another peer")	\
	C(wg_tx_packets, "inner packets encrypted")			\
	C(wg_tx_keepalives, "keepalives sent")				\
	C(wg_rx_initiations, "handshake initiations accepted")		\
	C(wg_rx_responses, "handshake responses accepted")		\
	C(wg_rx_cookies, "cookie replies accepted")			\
	C(wg_tx_initiations, "handshake initiations sent")		\
	C(wg_tx_responses, "handshake responses sent")			\
	C(wg_tx_cookies, "cookie replies sent")				\
	C(wg_drop_malformed, "messages of unknown type or length")	\
	C(wg_drop_kernel, "datagrams that the kernel dropped: junk, no room") \
	C(wg_drop_mac1, "handshake messages with a bad mac1")		\
	C(wg_drop_handshake, "handshake messages that failed")		\
	C(wg_drop_ratelimit, "handshake messages over the rate limit")	\
	C(wg_drop_queue, "handshake messages, queue full")		\
	C(wg_tx_offers, "Handshakes offered, data of a lost session came") \
	C(wg_drop_heal, "Handshakes not offered, too many")		\
	C(wg_drop_index, "data for an unknown session")			\
	C(wg_drop_expired, "data for an expired session")		\
	C(wg_drop_auth, "data that failed authentication")		\
	C(wg_drop_replay, "data received before, or too old")		\
	C(wg_drop_inner, "inner packets that are not IP")		\
	C(wg_drop_source, "inner packets from a foreign source")	\
	C(wg_drop_ecn, "inner packets that do not take part in ECN, marked") \
	C(wg_drop_noslot, "inner packets, packet queue full")		\
	C(wg_drop_nopeer, "packets toward no peer")			\
	C(wg_drop_forged, "packets to a peer in another one's name")	\
	C(wg_drop_staged, "packets dropped waiting for a session")	\
	C(wg_drop_paused, "packets either way while paused")		\
	C(wg_drop_cut, "packets and handshakes of peers that are shut out") \
	C(wg_peers_cut, "peers whose time or quota came to an end")	\
	C(wg_drop_link, "packets between gateways that are for nobody")	\
	C(wg_drop_across, "packets and datagrams for another worker")	\
	C(wg_drop_relay, "datagrams for a relay, its queue full")	\
	C(wg_drop_send, "datagrams that the system refused to send")	\
	C(crypto_cpu_us, "microseconds of processor time")

#define SLIRP_COUNTERS(C)						\
	C(ip_rx_packets, "packets from guests")				\
	C(ip_rx_bytes, "bytes of packets from guests")			\
	C(ip_tx_packets, "packets to guests")				\
	C(ip_tx_bytes, "bytes of packets to guests")			\
	C(ip_drop_malformed, "packets with a malformed header")		\
	C(ip_drop_checksum, "packets with a wrong checksum")		\
	C(ip_drop_protocol, "packets of an unknown protocol")		\
	C(ip_drop_option, "packets with refused options")		\
	C(ip_drop_source, "packets from a source that cannot be one")	\
	C(ip_drop_ttl, "packets whose time to live ended here")		\
	C(ip_drop_policy, "packets to blocked destinations")		\
	C(ip_drop_noslot, "packets to guests, packet queue full")	\
	C(ip_drop_budget, "packets refused by a budget")		\
	C(frag_rx, "fragments from guests")				\
	C(frag_reassembled, "datagrams put together")			\
	C(frag_drop, "fragments dropped")				\
	C(frag_tx, "fragments to guests")				\
	C(icmp_tx_errors, "ICMP errors sent to guests")			\
	C(icmp_tx_limited, "ICMP errors not sent, over the rate limit")	\
	C(icmp_echo_local, "pings answered by the gateway")		\
	C(icmp_echo_tx, "pings forwarded")				\
	C(pcp_requests, "requests of guests for ports")			\
	C(pcp_mappings, "ports that guests have been given")		\
	C(egress_none, "packets for which no way out was up")		\
	C(icmp_drop_socket, "pings dropped, no ping socket")		\
	C(icmp_echo_rx, "ping answers forwarded")			\
	C(tcp_active, "TCP flows now")					\
	C(tcp_connecting, "TCP flows now, host side not connected")	\
	C(tcp_timewait, "TCP connections in TIME-WAIT now")		\
	C(tcp_opened, "TCP connections asked for")			\
	C(tcp_established, "TCP connections established")		\
	C(tcp_refused, "TCP connections that the host refused")		\
	C(tcp_unreachable, "TCP connections to unreachable hosts")	\
	C(tcp_timeouts, "TCP connections that timed out")		\
	C(tcp_orphans, "TCP connections without a guest, data left")	\
	C(tcp_local_errors, "TCP connections, out of local resources")	\
	C(tcp_resets_rx, "TCP connections reset by guests")		\
	C(tcp_resets_tx, "TCP resets sent to guests")			\
	C(tcp_rx_segments, "TCP segments from guests")			\
	C(tcp_rx_bytes, "TCP bytes from guests to hosts")		\
	C(tcp_rx_ooo, "TCP segments from guests out of order")		\
	C(tcp_rx_dup, "TCP segments from guests received before")	\
	C(tcp_rx_drop, "TCP segments from guests dropped")		\
	C(tcp_tx_segments, "TCP segments to guests")			\
	C(tcp_tx_bytes, "TCP bytes from hosts to guests")		\
	C(tcp_retransmits, "TCP segments retransmitted")		\
	C(tcp_fast_recoveries, "TCP fast recoveries")			\
	C(tcp_rtos, "TCP retransmission timeouts")			\
	C(tcp_tlps, "TCP tail loss probes")				\
	C(tcp_dsacks, "TCP duplicates that guests reported")		\
	C(tcp_undos, "TCP recoveries that were needless")		\
	C(tcp_marks, "TCP congestion marks that guests reported (ECN)")	\
	C(tcp_hurried, "TCP connections tried at once, guest is back")	\
	C(tcp_parked, "TCP send queues that gave their slots back")	\
	C(tcp_gated, "TCP connections with a silent guest")		\
	C(tcp_blackholes, "TCP segments made smaller, the path took none") \
	C(tcp_probes, "TCP zero window and keepalive probes")		\
	C(tcp_challenge_acks, "TCP challenge ACKs")			\
	C(udp_active, "UDP mappings now")				\
	C(udp_opened, "UDP mappings opened")				\
	C(udp_rx_datagrams, "UDP datagrams from guests")		\
	C(udp_rx_bytes, "UDP bytes from guests")			\
	C(udp_tx_datagrams, "UDP datagrams to guests")			\
	C(udp_tx_bytes, "UDP bytes to guests")				\
	C(udp_drop_filtered, "UDP datagrams from strangers")		\
	C(udp_drop_send, "UDP datagrams that the system refused")	\
	C(udp_drop_rate, "UDP datagrams over the peer's rate")		\
	C(udp_forwarded, "UDP datagrams of clients into the tunnel")	\
	C(tcp_forwarded, "TCP connections of clients into the tunnel")	\
	C(forward_refused, "clients refused by prefix or password")	\
	C(dns_queries, "DNS questions of guests")			\
	C(dns_local, "DNS questions answered from the peers' names")	\
	C(dns_blocked, "DNS questions about names of a list")		\
	C(dns_cached, "DNS questions answered from the cache")		\
	C(dns_forwarded, "DNS questions asked upstream")		\
	C(dns_failed, "DNS questions that no upstream answered")	\
	C(dns_dropped, "DNS questions malformed, or too many")		\
	C(icmp_rx_errors, "ICMP errors from guests")			\
	C(icmp_active, "ping mappings now")				\
	C(flows_max, "limit on flows")					\
	C(flows_evicted, "flows ended to make room")			\
	C(flow_drop_full, "flows refused, no room")			\
	C(flow_drop_rate, "flows refused, too many a second")		\
	C(nofile_soft, "descriptor limit")				\
	C(icmp_available, "1 if ping sockets can be used")		\
	C(queue_slots, "slots of the packet queue to guests")		\
	C(queue_slots_free, "slots of it that hold nothing")		\
	C(slirp_cpu_us, "microseconds of processor time")

#define DERP_COUNTERS(C)						\
	C(relay_active, "relays that are connected now")		\
	C(relay_connected, "connections to relays, complete ones")	\
	C(relay_failed, "connections to relays that failed or ended")	\
	C(relay_rx_datagrams, "datagrams from relays")			\
	C(relay_rx_bytes, "bytes of datagrams from relays")		\
	C(relay_tx_datagrams, "datagrams to relays")			\
	C(relay_tx_bytes, "bytes of datagrams to relays")		\
	C(relay_drop_malformed, "datagrams from relays that are none")	\
	C(relay_drop_unknown, "datagrams of keys that no peer has")	\
	C(relay_drop_crypto, "datagrams from relays, crypto engine busy") \
	C(relay_drop_client, "datagrams of clients that may not send")	\
	C(relay_drop_down, "datagrams while no relay was connected")	\
	C(relay_drop_queue, "datagrams to relays, too many or too old")	\
	C(derp_cpu_us, "microseconds of processor time")

#define COUNTER_FIELD(name, help)	uint64_t name;
#define COUNTER_NAME(name, help)	#name,
#define COUNTER_HELP(name, help)	help,

struct crypto_counters {
	CRYPTO_COUNTERS(COUNTER_FIELD)
};

struct slirp_counters {
	SLIRP_COUNTERS(COUNTER_FIELD)
};

struct derp_counters {
	DERP_COUNTERS(COUNTER_FIELD)
};

#define DERP_NCOUNTERS		(sizeof(struct derp_counters) / 8)
#define CRYPTO_NCOUNTERS	(sizeof(struct crypto_counters) / 8)
#define SLIRP_NCOUNTERS		(sizeof(struct slirp_counters) / 8)

#endif
