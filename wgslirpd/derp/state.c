/* SPDX-License-Identifier: ISC */

#include "state.h"

struct derp_state	 de;
