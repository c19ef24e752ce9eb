// SEGMENT ARRIVES as a table: RFC 9293 3.10.7, with RFC 5961 (blind attacks) and RFC 6191 (TIME-WAIT). Written from the
// RFCs and not from the code; where neither is followed to the letter the row says whom we follow.
//
//   state | segment | where | ack -> what follows                                                 // why
//
// Each cell (a state, a segment, a place, an acknowledgment) walks the steps in their order. In each step the first row
// that fits counts, and one must fit; `drop` ends the walk, as "return" does in the RFC.
//
// state    '*', or names. '(passive)' and '(active)' say how SYN-RECEIVED was reached, '(closed)' that the application is
//          gone, without them both are meant. 'synchronized': ESTABLISHED and all that follow it.
// segment  '*', or bits that are set or not: 'SYN & no ACK'. 'text': it has octets.
// where    left         the whole segment lies far left of RCV.NXT
//          touching     its last number (or, without any, SEG.SEQ) is RCV.NXT-1
//          over left    SEG.SEQ = RCV.NXT-1, and it reaches into the window
//          left edge    SEG.SEQ = RCV.NXT
//          inside       RCV.NXT < SEG.SEQ, all of it in the window
//          last         SEG.SEQ = RCV.NXT+RCV.WND-1, of length 0 or 1
//          over right   it begins inside and ends beyond
//          over both    it begins at RCV.NXT-1 and ends beyond
//          right edge   SEG.SEQ = RCV.NXT+RCV.WND
//          right        farther right
// ack      too old      SEG.ACK < SND.UNA-MAX.SND.WND
//          old          SEG.ACK < SND.UNA
//          exact        SEG.ACK = SND.UNA
//          new          SND.UNA < SEG.ACK < SND.NXT
//          all          SEG.ACK = SND.NXT, and something is outstanding
//          beyond       SEG.ACK > SND.NXT
//          none         the ACK bit is off, the field says nothing
//
// What follows: ACK        <SEQ=SND.NXT><ACK=RCV.NXT><CTL=ACK>, at once        SYN,ACK   <SEQ=ISS><ACK=SEG.SEQ+1><CTL=SYN,ACK>
//               ACK soon   the same, within the delayed ACK's time
//               RST        <SEQ=SEG.ACK><CTL=RST>                              RST,ACK   <SEQ=0><ACK=SEG.SEQ+SEG.LEN><CTL=RST,ACK>
// A state's name: it is entered. `hears x`: the application does. `takes`: RCV.NXT moves over it; `queues`: it waits for
// what is missing.

export interface Step {
  readonly clause: string;
  /** Whom it concerns, by the state in which the segment arrived. */
  readonly states: string;
  readonly rows: string;
}

export const STEPS: readonly Step[] = [
  {
    clause: '3.10.7.1 CLOSED',
    states: 'CLOSED',
    rows: `
      CLOSED | RST          | * | * -> drop
      CLOSED | ACK          | * | * -> RST; drop
      CLOSED | *            | * | * -> RST,ACK; drop`,
  },
  {
    clause: '3.10.7.2 LISTEN: first RST, second ACK, third SYN, fourth anything else',
    states: 'LISTEN',
    rows: `
      LISTEN | RST          | * | * -> drop
      LISTEN | ACK          | * | * -> RST; drop
      LISTEN | SYN & FIN    | * | * -> drop                                  // Linux: no SYN ends what it begins
      LISTEN | SYN          | * | * -> SYN,ACK; SYN-RECEIVED; drop           // Linux: its text is not queued, it comes again
      LISTEN | *            | * | * -> drop`,
  },
  {
    clause: '3.10.7.3 SYN-SENT, first: ACK',
    states: 'SYN-SENT',
    rows: `
      SYN-SENT | no ACK       | * | *   -> go on
      SYN-SENT | *            | * | all -> go on
      SYN-SENT | RST          | * | *   -> drop
      SYN-SENT | *            | * | *   -> RST; drop`,
  },
  {
    clause: '3.10.7.3 SYN-SENT, second: RST; third: security; fourth: SYN; fifth: neither',
    states: 'SYN-SENT',
    rows: `
      SYN-SENT | RST & ACK    | * | * -> CLOSED; hears error ECONNREFUSED; hears closed; drop
      SYN-SENT | RST          | * | * -> drop
      SYN-SENT | SYN & ACK    | * | * -> RCV.NXT=SEG.SEQ+1; SND.UNA=SEG.ACK; ESTABLISHED; hears connected; ACK
      SYN-SENT | SYN          | * | * -> SYN,ACK; SYN-RECEIVED; drop         // MUST-10. Linux: its text and FIN come again
      SYN-SENT | *            | * | * -> drop`,
  },
  {
    clause: '3.10.7.4 TIME-WAIT, MAY-2 (RFC 6191): a SYN that cannot be old',
    states: 'TIME-WAIT',
    rows: `
      TIME-WAIT | SYN & no RST & no ACK & no FIN | inside, last, over right, right edge, right | * -> SYN,ACK; SYN-RECEIVED; drop
      TIME-WAIT | *           | * | * -> go on`,
  },
  {
    clause: '3.10.7.4 first, check sequence number',
    states: 'SYN-RECEIVED, synchronized',
    rows: `
      SYN-RECEIVED | SYN & no RST & no ACK | IRS | * -> SYN,ACK; drop           // Linux: our answer was lost, it goes again
      SYN-RECEIVED (active) | SYN & ACK & no RST | IRS | * -> go on             // MUST-10: figure 8, line 6
      SYN-RECEIVED | SYN & ACK & text & no RST | IRS | * -> go on               // "trimming off any portions ... (including SYN)"
      * | RST    | left, touching, over left, over both, right edge, right | * -> drop  // RFC 5961 3.2: by SEG.SEQ alone
      * | no SYN & no FIN & no text | right edge | * -> go on                    // Linux, BSD: who filled our window acknowledges from there
      * | *      | left, touching, right edge, right | * -> ACK; drop           // a FIN in TIME-WAIT: see timeouts/time-wait.test.ts
      * | *      | *                                 | * -> go on`,
  },
  {
    clause: '3.10.7.4 second, check the RST bit (RFC 5961 3.2)',
    states: 'SYN-RECEIVED, synchronized',
    rows: `
      *                                | no RST | *         | * -> go on
      *                                | *      | inside, last, over right | * -> ACK; drop
      SYN-RECEIVED (passive)           | *      | left edge | * -> LISTEN; drop   // MUST-11
      SYN-RECEIVED (active)            | *      | left edge | * -> CLOSED; hears error ECONNREFUSED; hears closed; drop
      ESTABLISHED, FIN-WAIT-1, FIN-WAIT-2, CLOSE-WAIT | * | left edge | * -> CLOSED; hears error ECONNRESET; hears closed; drop // MUST-12
      CLOSING, LAST-ACK                | *      | left edge | * -> CLOSED; hears error ECONNRESET; hears closed; drop // MUST-12: text is lost
      TIME-WAIT                        | *      | left edge | * -> CLOSED; drop`,
  },
  {
    clause: '3.10.7.4 fourth, check the SYN bit (third, security, asks nothing)',
    states: 'SYN-RECEIVED, synchronized',
    rows: `
      *                      | no SYN | *   | * -> go on
      SYN-RECEIVED           | *      | IRS | * -> go on                        // it was trimmed off by the first step
      SYN-RECEIVED (passive) | *      | *   | * -> LISTEN; drop
      *                      | *      | *   | * -> ACK; drop                    // RFC 5961 4.2: whatever its number`,
  },
  {
    clause: '3.10.7.4 fifth, check the ACK field',
    states: 'SYN-RECEIVED, synchronized',
    rows: `
      *            | no ACK | * | *               -> drop
      SYN-RECEIVED | *      | * | all             -> SND.UNA=SEG.ACK; ESTABLISHED; hears connected
      SYN-RECEIVED | *      | * | *               -> RST; drop                  // 3.5.2 group 2, Linux; MAY-12 would send an ACK
      *            | *      | * | too old, beyond -> ACK; drop                  // MAY-12: RFC 5961 5.2
      FIN-WAIT-1   | *      | * | all             -> SND.UNA=SEG.ACK; FIN-WAIT-2
      CLOSING      | *      | * | all             -> SND.UNA=SEG.ACK; TIME-WAIT; hears closed
      LAST-ACK     | *      | * | all             -> CLOSED; hears closed; drop
      *            | *      | * | new, all        -> SND.UNA=SEG.ACK
      *            | *      | * | old, exact      -> go on`,
  },
  {
    clause: '3.10.7.4 sixth, check the URG bit',
    states: 'SYN-SENT, SYN-RECEIVED, synchronized',
    rows: `
      ESTABLISHED, FIN-WAIT-1, FIN-WAIT-2 | URG | * | * -> hears urgent         // MUST-30, MUST-32
      *                                   | *   | * | * -> go on`,
  },
  {
    clause: '3.10.7.4 seventh, process the segment text',
    states: 'SYN-SENT, SYN-RECEIVED, synchronized',
    rows: `
      FIN-WAIT-1 (closed), FIN-WAIT-2 (closed) | text | * | *    -> RST; CLOSED; drop   // SHLD-3: nobody will read it
      ESTABLISHED, FIN-WAIT-1, FIN-WAIT-2 | text | left edge | *            -> takes text; ACK soon
      ESTABLISHED, FIN-WAIT-1, FIN-WAIT-2 | text | over left, over both | * -> takes text; ACK
      ESTABLISHED, FIN-WAIT-1, FIN-WAIT-2 | text | inside, over right | *   -> queues text; ACK   // SHLD-31; RFC 5681 4.2
      *            | text | over left, over both | *             -> ACK         // ignored; what is repeated is answered as in step one
      *            | *    | * | *                                -> go on       // no text, or ignored after their FIN`,
  },
  {
    clause: '3.10.7.4 eighth, check the FIN bit',
    states: 'SYN-SENT, SYN-RECEIVED, synchronized',
    rows: `
      *            | no FIN | *                        | * -> go on
      *            | *      | over right, over both    | * -> go on             // it was trimmed off: it lies beyond
      ESTABLISHED  | *      | left edge, over left     | * -> takes FIN; CLOSE-WAIT; hears ended; ACK
      FIN-WAIT-1   | *      | left edge, over left     | * -> takes FIN; CLOSING; hears ended; ACK
      FIN-WAIT-2   | *      | left edge, over left     | * -> takes FIN; TIME-WAIT; hears ended; hears closed; ACK
      ESTABLISHED, FIN-WAIT-1, FIN-WAIT-2 | * | *      | * -> queues FIN; ACK   // RFC 5681 4.2
      *            | *      | *                        | * -> ACK               // remain; nothing is left for it to end`,
  },
];
