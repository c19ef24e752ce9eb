// Virtual links: public names.
export { VethEnd, type VethOptions, veth } from './veth.ts';
