// rtnetlink requests to configure one interface. Source: rtnetlink(7), linux/rtnetlink.h.
#pragma once

#include <stdint.h>

#include "open_spec.h"

// Opens a NETLINK_ROUTE socket; `groups` is a mask of RTMGRP_*, 0 for requests only. -1 and errno on failure.
int netlinkOpen(uint32_t groups, bool nonblocking);

// Each answers 0 or an errno. System calls only, no allocation: they also run in a forked child.
int netlinkGetLink(int sock, const char* name, OpenResult* link);
int netlinkLoopbackUp(int sock);
int netlinkSetLink(int sock, uint32_t ifindex, const uint32_t* mtu, const uint32_t* txqueuelen,
                   const uint8_t* hwaddr, bool up);
// Packets go from the stack right to the device: qdisc noqueue.
int netlinkNoQdisc(int sock, uint32_t ifindex);
int netlinkAddAddress(int sock, uint32_t ifindex, const OpenSpec& spec);
