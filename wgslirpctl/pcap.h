/* SPDX-License-Identifier: ISC */

#ifndef PCAP_H
#define PCAP_H

/* Write packets of a peer, or NULL for all, to standard output as pcapng. */
void	 pcap_stream(const char *);

#endif
