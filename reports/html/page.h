#pragma once
// The page's mustache template. {{name}} goes through escape_text(); {{{name}}} are the style sheet and
// drawings, which escape for themselves. <body> is well-formed XML: other formats read it.

namespace kiln {

inline constexpr const char* kPage = R"page(<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<title>{{decision}} – {{rack}} – {{run}}</title>
<style>{{{style}}}@page { size: A4; margin: 11mm 11mm 14mm; @bottom-left { content: "{{page_foot}}"; font: 8pt sans-serif; } @bottom-right { content: "page " counter(page) " of " counter(pages); font: 8pt sans-serif; } }
</style>
</head>
<body class="{{body_class}}">
{{{patterns}}}
<main>
<section class="page1">
<div class="head"><b>Kiln {{purpose}} report</b><span class="text">{{run}}</span></div>
{{#has_warning}}<div class="loud" role="alert">{{warning}}</div>{{/has_warning}}
{{#any_failed_undo}}<div class="loud" role="alert">NOT UNDONE – something may still be energised:{{#failed_undos}}<br/>{{name}}: {{value}}{{/failed_undos}}</div>{{/any_failed_undo}}
<div class="verdict {{class}}" id="decision" role="status">{{glyph}} {{decision}}{{#local_decision}} <span class="local" lang="{{language}}">{{local_decision}}</span>{{/local_decision}}</div>
{{#simulated}}<div class="banner">SIMULATED RACK – NOT HARDWARE{{#local_simulated}} <span class="local" lang="{{language}}">{{local_simulated}}</span>{{/local_simulated}}</div>{{/simulated}}
<p class="says"><b>{{says_word}}:</b> {{says_figures}}.{{#says_local}} <span class="local" lang="{{language}}">{{says_local}}</span>{{/says_local}}</p>
<table class="facts"><tbody>{{#facts}}<tr><th>{{name}}{{#local}} <span class="local" lang="{{language}}">{{local}}</span>{{/local}}</th><td>{{value}}</td></tr>
{{/facts}}</tbody></table>
{{#interruptions}}<div class="loud" role="note">{{text}}</div>
{{/interruptions}}<dl class="counts">
<div><dt>required{{#local_required}} <span class="local" lang="{{language}}">{{local_required}}</span>{{/local_required}}</dt><dd>{{required}}</dd></div><div><dt>measured{{#local_measured}} <span class="local" lang="{{language}}">{{local_measured}}</span>{{/local_measured}}</dt><dd>{{measured}}</dd></div><div><dt>failed{{#local_failed}} <span class="local" lang="{{language}}">{{local_failed}}</span>{{/local_failed}}</dt><dd>{{failed}}</dd></div>
<div><dt>marginal{{#local_marginal}} <span class="local" lang="{{language}}">{{local_marginal}}</span>{{/local_marginal}}</dt><dd>{{marginal}}</dd></div><div><dt>waived{{#local_waived}} <span class="local" lang="{{language}}">{{local_waived}}</span>{{/local_waived}}</dt><dd>{{waived}}</dd></div><div><dt>not run{{#local_not_run}} <span class="local" lang="{{language}}">{{local_not_run}}</span>{{/local_not_run}}</dt><dd>{{not_run}}</dd></div>
<div><dt>disturbances{{#local_disturbances}} <span class="local" lang="{{language}}">{{local_disturbances}}</span>{{/local_disturbances}}</dt><dd>{{disturbance_count}}</dd></div>
</dl>
<div class="signoff">{{#decided_by}}<p>Decided by{{#local_decided}} <span class="local" lang="{{language}}">{{local_decided}}</span>{{/local_decided}}: {{decided_by}}</p>{{/decided_by}}
<p>Sign-off{{#local_sign_off}} <span class="local" lang="{{language}}">{{local_sign_off}}</span>{{/local_sign_off}}: <b>{{sign_off}}</b>{{#sign_off_local}} <span class="local" lang="{{language}}">{{sign_off_local}}</span>{{/sign_off_local}} ({{sign_off_says}}){{#has_because}}, because: {{because}}{{/has_because}}</p>
{{#is_sealed}}<p><a href="#seal">Sealed with station key {{key_short}}…; the last part of this report says how to check that</a></p>{{/is_sealed}}</div>
<div class="front">
<div class="rack">{{{run_code}}}<h2>Rack{{#local_rack}} <span class="local" lang="{{language}}">{{local_rack}}</span>{{/local_rack}}</h2>
{{{elevation}}}{{#no_dut}}<p>No DUT was planned in this run.</p>{{/no_dut}}</div>
<div class="why"><h2>Why, which part, what to do{{#local_why}} <span class="local" lang="{{language}}">{{local_why}}</span>{{/local_why}}</h2>
{{#cut_cards}}<div class="card cut"><h3>✖ ENERGY REMOVED · {{dut}} · {{part}} · {{cause}}</h3><p>{{message}}</p><p>Load stopped after {{load}}, off confirmed after {{off}}.</p></div>
{{/cut_cards}}{{#more_cuts}}<p class="small">{{more_cuts}}</p>{{/more_cuts}}
{{#cards}}<div class="card {{class}}"{{#anchor}} id="{{anchor}}"{{/anchor}}><h3>{{where}}</h3><p class="code">{{code}}</p><p>{{message}}{{#cells}} ({{cells}}){{/cells}}</p>{{#action}}<p class="do">→ {{#local_do}}<span class="local" lang="{{language}}">{{local_do}}:</span> {{/local_do}}{{action}}</p>{{/action}}{{#no_action}}<p class="small">Nothing to do about it by itself: it follows from a failure above, or its cause has to be found; then measure again.</p>{{/no_action}}</div>
{{/cards}}{{#any_also}}<p class="small"><b>Failed as well:</b>{{#also_failed}} {{where}} ({{code}}){{#action}} → {{action}}{{/action}};{{/also_failed}}{{#also_more}} {{also_more}}{{/also_more}}</p>
{{/any_also}}{{#more_reasons}}<p><a href="#reasons">{{more_reasons}}</a></p>{{/more_reasons}}
{{#nothing_wrong}}<p>{{nothing_wrong}}</p>{{/nothing_wrong}}
{{#review_words}}<p><b><a href="#comparison">{{review_words}}</a></b></p>{{/review_words}}
{{#sticky_words}}<p><a href="#attempts">{{sticky_words}}</a></p>{{/sticky_words}}
{{#disturbance_words}}<p><a href="#disturbances">{{disturbance_words}}</a></p>{{/disturbance_words}}
{{#any_role}}<div class="wide"><table><thead><tr><th>Checks</th><th>DUTs</th><th>required</th><th>measured</th><th>failed</th><th>not run</th></tr></thead><tbody>
{{#roles}}<tr><td>{{role}}</td><td class="n">{{duts}}</td><td class="n">{{required}}</td><td class="n">{{measured}}</td><td class="n">{{failed}}</td><td class="n">{{not_run}}</td></tr>
{{/roles}}</tbody></table></div>{{/any_role}}
</div>
</div>
</section>
{{#all_reasons_shown}}<h2 id="reasons">Every reason in full</h2>
<div class="wide"><table><thead><tr><th>DUT</th><th>Part</th><th>Reason</th><th>What was seen</th><th>What to do</th></tr></thead><tbody>
{{#all_reasons}}<tr class="{{class}}"{{#anchor}} id="{{anchor}}"{{/anchor}}><td>{{dut}}</td><td>{{fru}}</td><td class="word">{{code}}</td><td>{{message}}{{#cells}} ({{cells}}){{/cells}}</td><td>{{action}}</td></tr>
{{/all_reasons}}</tbody></table></div>{{/all_reasons_shown}}
{{#any_diagnosis}}<h2 id="diagnoses">Diagnoses</h2>
<p class="small">What steps found out beside the values they measured, and no reason above says.</p>
<div class="wide"><table><thead><tr><th>DUT</th><th>Part</th><th>Code</th><th>What was seen</th><th>What to do</th></tr></thead><tbody>
{{#diagnoses}}<tr><td>{{dut}}</td><td>{{fru}}</td><td class="word">{{code}}</td><td>{{message}}</td><td>{{action}}</td></tr>
{{/diagnoses}}</tbody></table></div>{{/any_diagnosis}}
{{#any_energy_cut}}<h2>Energy removed by an interlock</h2>
<div class="wide"><table><thead><tr><th>DUT</th><th>Cause</th><th>Part</th><th>What was read</th><th>Load stopped after</th><th>Off confirmed after</th></tr></thead><tbody>
{{#all_cuts}}<tr class="no-go"><td>{{dut}}</td><td class="word">✖ {{cause}}</td><td>{{part}}</td><td>{{message}}</td><td class="n">{{load}}</td><td class="n">{{off}}</td></tr>
{{/all_cuts}}</tbody></table></div>{{/any_energy_cut}}
{{#any_safety}}<h2 id="safety">Safety</h2>
<p>{{safety_words}}</p>
{{#any_may_be_on}}<ul>{{#may_be_on}}<li>{{text}}</li>{{/may_be_on}}</ul>{{/any_may_be_on}}
{{#any_wet}}<p>Wet when it was read:{{#wet}} {{text}};{{/wet}} it stays latched until somebody releases it.</p>{{/any_wet}}
{{#any_cut}}<h3>Every cut: from then on latched until somebody releases it</h3><div class="wide"><table><thead><tr><th>DUT</th><th>Why</th><th></th><th>Detected at</th><th>Load stopped after</th><th>Off confirmed after</th></tr></thead><tbody>
{{#cuts}}<tr class="no-go"><td>{{dut}}</td><td class="word">{{code}}</td><td>{{message}}</td><td class="n">{{detected}}</td><td class="n">{{load}}</td><td class="n">{{off}}</td></tr>
{{/cuts}}</tbody></table></div>{{/any_cut}}
{{#any_policy}}<p>{{policy_words}}</p>{{/any_policy}}
{{#any_mask}}<h3>Leak detectors masked for their functional test, one at a time, with all others judged</h3><div class="wide"><table><thead><tr><th>DUT</th><th>Detector</th><th>From</th><th>To</th><th></th></tr></thead><tbody>
{{#masks}}<tr class="{{class}}"><td>{{dut}}</td><td>{{part}}</td><td class="n">{{from}}</td><td class="n">{{to}}</td><td>{{message}}</td></tr>
{{/masks}}</tbody></table></div>{{/any_mask}}
{{#any_undo}}<details><summary>Every undo: written down before its deed, with how it ended</summary><div class="wide"><table><thead><tr><th>DUT</th><th>Undo</th><th>Step</th><th>Opened at</th><th>Closed at</th><th>How</th><th></th></tr></thead><tbody>
{{#undos}}<tr class="{{class}}"><td>{{dut}}</td><td>{{undo}}</td><td>{{step}}</td><td class="n">{{opened}}</td><td class="n">{{closed}}</td><td class="word">{{how}}</td><td>{{message}}</td></tr>
{{/undos}}</tbody></table></div></details>{{/any_undo}}
{{#any_permit}}<details><summary>Every leave to energise</summary><div class="wide"><table><thead><tr><th>DUT</th><th>Energy</th><th>Step</th><th>At</th></tr></thead><tbody>
{{#permits}}<tr><td>{{dut}}</td><td class="word">{{energy}}</td><td>{{step}}</td><td class="n">{{when}}</td></tr>
{{/permits}}</tbody></table></div></details>{{/any_permit}}{{/any_safety}}
<h2 id="bring-up">Bring-up clock</h2>
<p>{{clock_words}}</p>
<div class="wide"><table><thead><tr><th></th><th>When (UTC)</th><th>After arrival</th><th>Where it is on record</th></tr></thead><tbody>
{{#clock_rows}}<tr class="{{class}}"><td>{{what}}</td><td class="n">{{when}}</td><td class="n">{{after}}</td><td>{{run}}</td></tr>
{{/clock_rows}}</tbody></table></div>
{{#any_clock_share}}<h3>Where the time went, {{clock_span}}</h3><div class="wide"><table><thead><tr><th></th><th>Time</th><th>Share</th></tr></thead><tbody>
{{#clock_shares}}<tr><td>{{what}}</td><td class="n">{{time}}</td><td class="n">{{share}}</td></tr>
{{/clock_shares}}</tbody></table></div>{{/any_clock_share}}
{{#clock_remarks}}<p>▲ {{text}}</p>{{/clock_remarks}}
{{#any_clock_note}}<details><summary>What people noted, corrections beside what they correct</summary><ul>{{#clock_notes}}<li>{{text}}</li>{{/clock_notes}}</ul></details>{{/any_clock_note}}
<h2>DUTs</h2>
<div class="wide"><table><thead><tr><th>DUT</th><th>Role</th><th>Slot</th><th>Decision</th><th>Required</th><th>Measured</th><th>Failed</th><th>Marginal</th><th>Not run</th><th>Disturbances</th></tr></thead><tbody>
{{#duts}}<tr class="{{class}}"><td>{{id}}</td><td>{{role}}</td><td>{{slot}}</td><td class="word">{{glyph}} {{decision}}</td><td class="n">{{required}}</td><td class="n">{{measured}}</td><td class="n">{{failed}}</td><td class="n">{{marginal}}</td><td class="n">{{not_run}}</td><td class="n">{{disturbances}}</td></tr>
{{/duts}}</tbody></table></div>
{{#any_interruption}}<h2 id="interruptions">Interruptions</h2>
<p class="small">The station died and the run went on later. Kept: measured in full before. Everything else was done again; what failed before stays a fail.</p>
{{#interruptions}}<h3>{{text}}</h3>
<div class="wide"><table><thead><tr><th>Step</th><th>What became of it</th><th>DUTs</th><th>Why</th></tr></thead><tbody>
{{#steps}}<tr><td>{{step}}</td><td class="word">{{what}}</td><td>{{duts}}</td><td>{{reason}}</td></tr>
{{/steps}}</tbody></table></div>
{{/interruptions}}{{/any_interruption}}
<h2 id="attempts">Attempts</h2>
<p class="small">Every attempt is kept. An attempt that ended in error may be repeated; a measured fail stays a fail, whatever was measured later.</p>
{{#any_sticky}}<h3>Measured more than once, with a fail among them: the fail decides</h3>
<div class="wide"><table><thead><tr><th>DUT</th><th>Part</th><th>Measurement</th><th>In order of measuring</th><th>Counts as</th></tr></thead><tbody>
{{#sticky}}<tr class="no-go"><td>{{dut}}</td><td>{{part}}</td><td>{{name}}</td><td>{{history}}</td><td class="word">✖ fail</td></tr>
{{/sticky}}</tbody></table></div>{{/any_sticky}}
{{#any_attempt}}<div class="wide"><table><thead><tr><th>DUT</th><th>Step</th><th>Attempt</th><th>Status</th><th>After</th><th>Why</th></tr></thead><tbody>
{{#attempts}}<tr class="{{class}}"><td>{{dut}}</td><td>{{step}}</td><td class="n">{{attempt}}</td><td class="word">{{glyph}} {{status}}</td><td class="n">{{took}}</td><td>{{why}}</td></tr>
{{/attempts}}</tbody></table></div>{{/any_attempt}}
<p>{{attempts_rest}}</p>
<h2>Timeline</h2>
<p class="small">Time runs from the beginning of the run. Shaded: under load. Thin bars: monitors, which run beside the phases.</p>
{{#timelines}}<details{{#open}} open=""{{/open}}><summary>{{dut}} · {{summary}}</summary><div class="wide">{{{svg}}}</div></details>
{{/timelines}}{{^any_timeline}}<p>The record holds no step.</p>{{/any_timeline}}
<h2>Measurements over time</h2>
<p class="small">Shaded: some part was under load. The legend gives the lowest and the highest sample of each line. A limit judges the measurement named beside it, which may count a part of the samples only, such as those of the steady load.</p>
{{#plots}}<figure><h3>{{title}}</h3><div class="wide">{{{svg}}}</div><figcaption>{{caption}}</figcaption></figure>
{{/plots}}{{^any_plot}}<p>No series was recorded.</p>{{/any_plot}}
{{#any_comparison}}<h2 id="comparison">Parts against their like</h2>
<p class="small">{{comparison_words}}</p>
{{#populations}}<p class="small">{{text}}</p>{{/populations}}
{{#any_odd}}<div class="wide"><table><thead><tr><th>DUT</th><th>Part</th><th>For review</th><th>What to do</th></tr></thead><tbody>
{{#odd_ones}}<tr class="conditional"><td>{{dut}}</td><td>{{part}}</td><td>{{message}}</td><td>{{action}}</td></tr>
{{/odd_ones}}</tbody></table></div>{{#odd_more}}<p>{{odd_more}}</p>{{/odd_more}}{{/any_odd}}
<div class="wide"><table><thead><tr><th>Measurement</th><th>Step</th><th>Of</th><th>Values</th><th>Left out</th><th>Median</th><th>Robust standard deviation</th><th>Cut</th><th>Places</th><th>Result</th></tr></thead><tbody>
{{#comparisons}}<tr class="{{class}}"><td>{{measurement}}</td><td>{{step}}</td><td>{{of}}</td><td class="n">{{n}}</td><td class="n">{{left_out}}</td><td class="n">{{median}}</td><td class="n">{{sigma}}</td><td class="n">{{cut}}</td><td>{{places}}</td><td>{{result}}</td></tr>
{{/comparisons}}</tbody></table></div>{{/any_comparison}}
{{#any_link}}<h2 id="links">All links of the rack</h2>
<p>{{link_words}}</p>
<p class="small">One character for each link, in the order of their numbers: {{link_legend}}.</p>
<div class="wide"><table class="links"><tbody>
{{#link_trays}}<tr><th>{{dut}}</th><th>{{slot}}</th>{{#gpus}}<td><span>{{gpu}}</span> <code>{{{cell}}}</code></td>{{/gpus}}</tr>
{{/link_trays}}</tbody></table></div>
{{#any_marked_link}}<div class="wide"><table><thead><tr><th>DUT</th><th>Link</th><th>Mark</th><th>Figures</th><th>Why</th></tr></thead><tbody>
{{#marked_links}}<tr class="{{class}}"><td>{{dut}}</td><td>{{part}}</td><td class="word">{{mark}}</td><td>{{figures}}</td><td>{{what}}</td></tr>
{{/marked_links}}</tbody></table></div>{{#marked_more}}<p>{{marked_more}}</p>{{/marked_more}}{{/any_marked_link}}{{/any_link}}
{{#any_disturbance}}<h2 id="disturbances">Disturbances</h2><p class="small">They disturbed the work and say nothing about the hardware.</p>
<div class="wide"><table><thead><tr><th>DUT</th><th>Times</th><th>What</th><th>What was seen</th></tr></thead><tbody>{{#disturbances}}<tr><td>{{dut}}</td><td class="n">{{count}}</td><td class="word">{{code}}</td><td>{{message}}</td></tr>
{{/disturbances}}</tbody></table></div>{{/any_disturbance}}
<h2>Measurements</h2>
<p class="small">{{rows_words}}</p>{{#not_printed}}<p class="printed">{{not_printed}}</p>{{/not_printed}}
{{#groups}}<details{{#open}} open=""{{/open}}><summary>{{dut}} · {{step}} · {{tally}}</summary>
<div class="wide"><table class="rows"><thead><tr><th>Part</th><th>Measurement</th><th>Value</th><th>Limit</th><th>Margin</th><th>Outcome</th><th>Attempt</th><th>Read from</th><th>Remark</th></tr></thead><tbody>
{{#rows}}<tr{{#class}} class="{{class}}"{{/class}}><td>{{part}}</td><td>{{name}}</td><td>{{value}}</td><td>{{#limit}}<a href="#limit-{{limit_number}}">{{limit}}</a>{{/limit}}</td><td class="n">{{margin}}</td><td class="word">{{outcome}}</td><td class="n">{{attempt}}</td><td>{{source}}</td><td>{{reason}}</td></tr>
{{/rows}}</tbody></table></div></details>
{{/groups}}
{{#any_limit}}<h2>Limits that judged</h2>
<div class="wide"><table><thead><tr><th>Measurement</th><th>Limit</th><th>Table revision</th><th>Origin</th><th>Values judged</th></tr></thead><tbody>
{{#limits}}<tr id="limit-{{number}}"><td>{{name}}</td><td>{{limit}}</td><td class="n">{{revision}}</td><td>{{origin}}</td><td class="n">{{uses}}</td></tr>
{{/limits}}</tbody></table></div>{{/any_limit}}
{{#any_prompt}}<h2>Operator</h2>
<div class="wide"><table>{{#prompts}}<tr><th>{{name}}</th><td>{{value}}</td></tr>{{/prompts}}</table></div>{{/any_prompt}}
{{#any_note}}<h2>Notes</h2>
<div class="wide"><table>{{#notes}}<tr><th>{{name}}</th><td>{{value}}</td></tr>{{/notes}}</table></div>{{/any_note}}
{{#any_part}}<h2>Identity</h2>
<details><summary>Parts with serial numbers and who told them</summary>
<div class="wide"><table>{{#parts}}<tr><th>{{name}}</th><td>{{value}}</td></tr>{{/parts}}</table></div></details>{{/any_part}}
<h2>How this was measured</h2>
<div class="wide"><table>{{#environment}}<tr><th>{{name}}</th><td>{{value}}</td></tr>{{/environment}}</table></div>
<p class="small">Any measured fail on a required check, or a hazard that was read, is NO-GO. Else any required check without a judged measurement is
INCOMPLETE. Missing evidence is never GO. The rack is the worst of its DUTs. A required check is one measurement on one expected part, listed before the run:
required = measured + not run; failed, marginal and waived are parts of measured.</p>
{{#any_review}}<h2 id="reviews">Sign-off</h2>
<div class="wide"><table><thead><tr><th>Entry</th><th>Written down (UTC)</th><th>What was signed</th><th>Key</th><th></th></tr></thead><tbody>
{{#reviews}}<tr class="{{class}}"><td class="n">{{number}}</td><td class="n">{{at}}</td><td>{{says}}</td><td>{{key}}</td><td>{{holds}}</td></tr>
{{/reviews}}</tbody></table></div>{{/any_review}}
{{#is_sealed}}<h2 id="seal">How to check this report</h2>
<p class="small">This station signs its reports: “this build on this station has recorded that”. With Kiln: <code>kiln verify FOLDER</code>. Without, in the
folder it was written to, with OpenSSL 3 and coreutils:</p>
{{#verify_steps}}<p class="seal">{{question}}</p>
{{#commands}}<pre class="text">{{command}}</pre>
{{/commands}}{{/verify_steps}}{{/is_sealed}}{{^is_sealed}}<p><b>NOT SEALED</b>: this station had no key to sign its reports with.</p>{{/is_sealed}}
<p><b>END OF REPORT</b> {{run}}</p>
</main>
</body>
</html>
)page";

}  // namespace kiln
