/* SPDX-License-Identifier: ISC */

#ifndef VERSION_H
#define VERSION_H

#define WGSLIRPD_VERSION	"0.9"

#endif
