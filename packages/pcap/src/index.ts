// Capture files: pcapng written by a tap, pcapng and classic pcap read.
export {
  type Capture,
  type CapturedPacket,
  type CaptureInterface,
  LINKTYPE_ETHERNET,
  LINKTYPE_RAW,
} from './capture.ts';
export { readPcap } from './pcap-reader.ts';
export { readPcapng } from './pcapng-reader.ts';
export { PcapngWriter, type PcapngWriterConfig } from './pcapng-writer.ts';
