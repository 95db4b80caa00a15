#pragma once
// The page's style sheet. Colours and borders of decisions repeat look.cc; text on them keeps 7:1. Printed on
// A4, page 1 holds the decision and its reasons. Nothing is loaded: system fonts only.

namespace kiln {

inline constexpr const char* kStyle = R"style(
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; }
body { font: 14px/1.45 "Helvetica Neue", Arial, "Liberation Sans", "DejaVu Sans", sans-serif; color: #111; background: #fff; margin: 0 auto; max-width: 1160px; padding: 14px 18px 40px; print-color-adjust: exact; -webkit-print-color-adjust: exact; }
b, td, th, dd, .text { unicode-bidi: isolate; overflow-wrap: anywhere; }
a { color: inherit; }
.defs { position: absolute; }
.head { display: flex; flex-wrap: wrap; justify-content: space-between; gap: 2px 24px; border-bottom: 2px solid #111; padding-bottom: 4px; margin-bottom: 10px; font-size: 13px; }
.head b { letter-spacing: .02em; }
.loud { background: #7A3300; color: #fff; font-weight: 700; padding: 9px 14px; margin: 8px 0; overflow-wrap: anywhere; }
.banner { background: #111; color: #fff; font-weight: 700; padding: 6px 14px; margin: 8px 0; letter-spacing: .06em; text-align: center; }
.verdict { position: relative; border: 3px solid; padding: 10px 18px 10px 52px; font-size: 46px; font-weight: 800; line-height: 1.15; overflow-wrap: anywhere; }
.verdict::before { content: ""; position: absolute; left: 0; top: 0; bottom: 0; width: 34px; }
.verdict.go { border-color: #009E73; color: #00543D; background: #E2F4EE; }
.verdict.go::before { background: #009E73; }
.verdict.no-go { border-color: #D55E00; color: #7A3300; background: #FBEBE0; border-width: 7px; }
.verdict.no-go::before { background: repeating-linear-gradient(135deg, #D55E00 0 8px, #F3C6A5 8px 16px); }
.verdict.conditional { border-color: #E69F00; color: #5E4100; background: #FDF3DF; border-style: dotted; border-width: 5px; }
.verdict.conditional::before { background: radial-gradient(#E69F00 35%, #F8DFA8 38%) 0 0 / 11px 11px; }
.verdict.incomplete { border-color: #CC79A7; color: #6A2850; background: #F8EBF3; border-style: dashed; border-width: 5px; }
.verdict.incomplete::before { background: repeating-linear-gradient(180deg, #CC79A7 0 9px, #F0D6E5 9px 18px); }
.verdict.survey { border-color: #777; color: #333; background: #F1F1F1; }
.verdict.survey::before { background: #CCC; }
.counts { display: grid; grid-template-columns: repeat(auto-fit, minmax(92px, 1fr)); gap: 6px; margin: 8px 0; padding: 0; }
.counts div { border: 1px solid #BBB; padding: 3px 8px; }
.counts dt { font-size: 12px; color: #333; }
.counts dd { margin: 0; font-size: 19px; font-weight: 700; line-height: 1.2; }
.signoff { border-left: 4px solid #111; padding: 2px 10px; margin: 8px 0; }
.signoff p { margin: 0; overflow-wrap: anywhere; }
.says { font-size: 16px; margin: 6px 0; overflow-wrap: anywhere; }
.facts { margin: 6px 0; font-size: 12.5px; table-layout: fixed; }
.facts th { width: 12em; font-weight: 600; }
.facts td, .facts th { padding: 1px 7px; }
.local { unicode-bidi: isolate; font-weight: 600; }
.verdict .local { font-size: .6em; }
.card .code { font-size: 12px; color: #333; }
.front { display: grid; grid-template-columns: minmax(0, 46fr) minmax(0, 54fr); gap: 0 24px; align-items: start; }
.card { border: 1px solid #999; border-left: 6px solid #777; padding: 5px 10px 6px; margin: 0 0 7px; break-inside: avoid; scroll-margin: 12px; }
.card.no-go { border-left: 6px double #D55E00; }
.card.conditional { border-left: 6px dotted #E69F00; }
.card.incomplete { border-left: 6px dashed #CC79A7; }
.card.cut { border: 3px solid #D55E00; }
.card h3 { margin: 0; font-size: 14px; overflow-wrap: anywhere; }
.card p { margin: 2px 0 0; overflow-wrap: anywhere; }
.card:target, tr:target td { outline: 3px solid #0072B2; }
.do { font-weight: 700; }
h2 { font-size: 18px; margin: 24px 0 6px; border-bottom: 2px solid #111; break-after: avoid; }
.front h2 { margin: 8px 0 7px; font-size: 16px; border-bottom-width: 1px; }
h3 { font-size: 14px; margin: 12px 0 4px; break-after: avoid; overflow-wrap: anywhere; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; margin: 4px 0 14px; font-size: 13px; }
th, td { border: 1px solid #BBB; padding: 3px 7px; text-align: left; vertical-align: top; }
th { background: #EFEFEF; overflow-wrap: normal; }
.rows td { overflow-wrap: break-word; min-width: 4em; max-width: 26em; }
.links { width: auto; } .links td { padding: 1px 6px; white-space: nowrap; } .links span { font-size: 10px; color: #333; } .links code { font: 14px/1.2 "DejaVu Sans Mono", "Liberation Mono", monospace; letter-spacing: .08em; }
.links b.no-go { background: #FBEBE0; color: #7A3300; outline: 2px solid #D55E00; } .links b.conditional { background: #FDF3DF; color: #5E4100; outline: 1px dashed #5E4100; } .links b.incomplete { background: #F8EBF3; color: #6A2850; }
td.n { text-align: right; white-space: nowrap; }
td.word { font-weight: 700; white-space: nowrap; }
tr.go td.word { color: #00543D; }
tr.no-go td { background: #FBEBE0; } tr.no-go td.word { color: #7A3300; }
tr.conditional td { background: #FDF3DF; } tr.conditional td.word { color: #5E4100; }
tr.incomplete td { background: #F8EBF3; } tr.incomplete td.word { color: #6A2850; }
details { margin: 3px 0; }
summary { cursor: pointer; padding: 4px 0; min-height: 26px; font-weight: 600; overflow-wrap: anywhere; }
figure { margin: 0 0 14px; break-inside: avoid; }
figcaption { font-size: 13px; color: #222; overflow-wrap: anywhere; }
svg { display: block; width: 100%; height: auto; font: 10.5px "Helvetica Neue", Arial, "Liberation Sans", "DejaVu Sans", sans-serif; }
svg.defs { width: 0; height: 0; }
svg a { cursor: pointer; }
svg a:focus-visible .tile > rect { stroke: #0072B2; stroke-width: 4; }
.plot, .timeline { max-width: 940px; }
.small { font-size: 12px; color: #333; overflow-wrap: anywhere; }
.printed { display: none; }
@media (max-width: 760px) {
  body { padding: 8px 10px 30px; }
  .front { grid-template-columns: minmax(0, 1fr); }
  .front .why { order: -1; }
  .verdict { font-size: 34px; padding: 8px 10px 8px 44px; }
  .plot, .timeline { min-width: 600px; }
  .rows { min-width: 900px; }
}
.seal { overflow-wrap: anywhere; }
pre { white-space: pre-wrap; overflow-wrap: anywhere; margin: 0 0 6px; font-size: 12px; }
@media print {
  body { max-width: none; padding: 0; font-size: 11.5px; }
  .front { grid-template-columns: minmax(0, 46fr) minmax(0, 54fr); }
  .front .why { order: 0; }
  .page1 { break-after: page; }
  .verdict { font-size: 38px; padding: 6px 14px 6px 48px; }
  .counts { grid-template-columns: repeat(7, 1fr); }
  .counts dd { font-size: 15px; }
  .counts dt { font-size: 10px; }
  .wide { overflow: visible; }
  .says { font-size: 12.5px; margin: 3px 0; }
  table { font-size: 9.5px; }
  .facts { font-size: 9.5px; margin: 3px 0; }
  tr, svg { break-inside: avoid; }
  thead { display: table-header-group; }
  .printed { display: block; }
  .print-all details::details-content { content-visibility: visible; display: block; height: auto; block-size: auto; }
  .plot, .timeline, .rows { min-width: 0; }
}
)style";

}  // namespace kiln
