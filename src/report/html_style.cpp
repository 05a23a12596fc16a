#include "report/html.h"

namespace linscan {

std::string_view page_style() {
  return R"css(
:root{color-scheme:light dark;
--paper:#fff;--ink:#1a1d21;--soft:#565d66;--faint:#e3e6ea;--panel:#f6f7f9;--warn:#fdf3e3;--warn-edge:#c98a1b;
--c0:#6b737d;--c1:#0a64ad;--c2:#c8500a;--c3:#0b8a63;--c4:#9a3f8f;--c5:#8f6b00;--c6:#3d4650;--c7:#c48c00;--heat:#0a4f8a}
@media (prefers-color-scheme:dark){:root{
--paper:#14171b;--ink:#e4e7eb;--soft:#a2abb5;--faint:#2b3138;--panel:#1c2026;--warn:#2b2415;--warn-edge:#d9a441;
--c0:#98a2ad;--c1:#62b2f2;--c2:#ff9457;--c3:#43cba0;--c4:#df8fd4;--c5:#dfb63f;--c6:#c3cad2;--c7:#f4dc5a;--heat:#7cc0f5}}
@media print{:root{color-scheme:light;
--paper:#fff;--ink:#000;--soft:#444;--faint:#ddd;--panel:#fff;--warn:#fff;--warn-edge:#888;
--c0:#6b737d;--c1:#0a64ad;--c2:#c8500a;--c3:#0b8a63;--c4:#9a3f8f;--c5:#8f6b00;--c6:#3d4650;--c7:#c48c00;--heat:#0a4f8a}}
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%;text-size-adjust:100%}
body{margin:0;background:var(--paper);color:var(--ink);
font:16px/1.55 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue","Liberation Sans",Arial,sans-serif;
-webkit-print-color-adjust:exact;print-color-adjust:exact}
main{max-width:1040px;margin:0 auto;padding:3rem 2.5rem 4rem}
h1{font-size:2rem;line-height:1.2;font-weight:650;letter-spacing:-.015em;margin:0;overflow-wrap:anywhere}
h2{font-size:1.3rem;font-weight:650;letter-spacing:-.008em;margin:3.5rem 0 .75rem}
h3{font-size:1rem;font-weight:650;margin:2rem 0 .5rem}
p{margin:.6rem 0;max-width:46rem}
.lead{color:var(--soft);margin:.35rem 0 0;overflow-wrap:anywhere;max-width:none}
.facts{display:grid;grid-template-columns:repeat(auto-fit,minmax(6.1rem,1fr));gap:1rem;margin:1.75rem 0 0;
padding:1rem 0;border-top:1px solid var(--faint);border-bottom:1px solid var(--faint)}
.facts dt{font-size:.78rem;color:var(--soft)}
.facts dd{margin:0;font-size:1.2rem;line-height:1.35;font-weight:600;font-variant-numeric:tabular-nums;overflow-wrap:anywhere}
.facts small{display:block;font-size:.74rem;line-height:1.3;font-weight:400;color:var(--soft)}
.warnings{margin:1.5rem 0 0;padding:.8rem 1.1rem;background:var(--warn);border-left:3px solid var(--warn-edge);overflow-wrap:anywhere}
.warnings h2{font-size:.95rem;margin:0 0 .2rem}
.warnings ul,.summary ul{margin:0;padding-left:1.1rem}
.summary h2{margin-top:2rem}
.summary li{margin:.35rem 0;max-width:50rem}
figure{margin:3rem 0 0}
figure h2{margin:0 0 .9rem}
figure h2 span{color:var(--soft);font-weight:400;margin-right:.5em}
figcaption{margin-top:.8rem;font-size:.9rem;line-height:1.5;max-width:50rem}
figcaption p{margin:.3rem 0;max-width:none}
.caveat,.gaps{color:var(--soft)}
svg{display:block;width:100%;height:auto;overflow:visible;font-family:inherit;font-size:12px;font-variant-numeric:tabular-nums}
.narrow{display:none}
.panels{display:grid;gap:1.75rem 1.5rem}
.of2{grid-template-columns:repeat(2,minmax(0,1fr))}
.of3{grid-template-columns:repeat(3,minmax(0,1fr))}
svg text{fill:var(--ink)}
svg .tick{fill:var(--soft)}
svg .axis-name{fill:var(--soft)}
svg .legend{fill:var(--ink)}
svg .halo{paint-order:stroke;stroke:var(--paper);stroke-width:3px;stroke-linejoin:round}
.grid{stroke:var(--faint);stroke-width:1}
.zero{stroke:var(--soft);stroke-width:1}
.axis{stroke:var(--soft);stroke-width:1}
.reference{stroke:var(--c0);stroke-width:1.2;stroke-dasharray:5 4}
.leader{stroke:var(--faint);stroke-width:1}
.c0{--c:var(--c0)}.c1{--c:var(--c1)}.c2{--c:var(--c2)}.c3{--c:var(--c3)}.c4{--c:var(--c4)}.c5{--c:var(--c5)}.c6{--c:var(--c6)}.c7{--c:var(--c7)}
.line{fill:none;stroke:var(--c);stroke-width:2.2;stroke-linejoin:round;stroke-linecap:round}
.thin{stroke-width:1.3}
.dashed{stroke-dasharray:6 4}
.dotted{stroke-dasharray:1 4;stroke-width:1.8}
.dashdotted{stroke-dasharray:9 4 1 4}
.many .line{stroke-width:1.6}
.many .dotted{stroke-width:2}
.many .band{fill-opacity:.1}
.many .whisker{stroke-width:1}
.key{display:inline-block;width:30px;height:12px;margin-right:.45em;vertical-align:-1px;flex:none}
.names{list-style:none;display:grid;grid-template-columns:repeat(auto-fill,minmax(13rem,1fr));gap:.15rem 1.25rem;
margin:0 0 1rem;padding:0;font-size:.84rem;line-height:1.4}
.names li{display:flex;align-items:baseline;overflow-wrap:anywhere}
.band{fill:var(--c);fill-opacity:.17;stroke:none}
.whisker{stroke:var(--c);stroke-width:1.4}
.mark{fill:var(--c)}
.mark .hollow{fill:var(--paper);stroke:var(--c);stroke-width:1.8}
.mark .clipped{fill:var(--c)}
.mark .hit{fill:transparent}
svg .label{fill:var(--c)}
.heat{fill:var(--heat)}
.heat-missing{fill:none;stroke:var(--faint)}
svg .cell{fill:var(--ink)}
svg .on{fill:var(--paper)}
details{margin-top:.7rem;font-size:.9rem}
summary{cursor:pointer;color:var(--soft);width:fit-content}
summary:hover{color:var(--ink)}
.scroll{overflow-x:auto;margin:.6rem 0}
table{border-collapse:collapse;font-size:.82rem;line-height:1.35;font-variant-numeric:tabular-nums}
th,td{padding:.22rem .7rem;text-align:right;white-space:nowrap}
thead th{font-weight:600;vertical-align:bottom;border-bottom:1px solid var(--soft);white-space:normal;min-width:4.2rem}
thead .group{border-bottom:0;text-align:left;padding-left:1.6rem;min-width:0}
.left{text-align:left}
tbody th{font-weight:400;color:var(--soft)}
th:first-child,td:first-child{padding-left:0;min-width:0}
tbody tr:nth-child(even){background:var(--panel)}
.missing{color:var(--soft);cursor:help}
table.words{width:100%}
.words th,.words td{text-align:left;white-space:normal;vertical-align:top;overflow-wrap:anywhere}
.words tbody tr{background:none}
.words tbody td,.words tbody th{border-bottom:1px solid var(--faint)}
.words tbody th{color:var(--ink)}
code{font:.92em ui-monospace,"SF Mono",Menlo,Consolas,"Liberation Mono",monospace;overflow-wrap:anywhere}
.words small{display:block;color:var(--soft)}
.properties{margin:.5rem 0;font-size:.85rem;line-height:1.45}
.properties div{display:grid;grid-template-columns:15rem 1fr;gap:0 1rem;padding:.16rem 0;border-bottom:1px solid var(--faint)}
.properties dt{color:var(--soft);overflow-wrap:anywhere}
.properties dd{margin:0;font-variant-numeric:tabular-nums;overflow-wrap:anywhere}
footer{margin-top:4rem;padding-top:1rem;border-top:1px solid var(--faint);font-size:.82rem;color:var(--soft)}
@media (max-width:900px){.of3{grid-template-columns:repeat(2,minmax(0,1fr))}}
@media (max-width:640px){
main{padding:1.5rem 1rem 3rem}h1{font-size:1.5rem}
.wide{display:none}.narrow{display:block}.of2,.of3{grid-template-columns:minmax(0,1fr)}
.facts{grid-template-columns:repeat(auto-fit,minmax(6rem,1fr))}
.properties div{grid-template-columns:1fr}.words .extra{display:none}}
@page{margin:16mm 15mm}
@media print{
html{font-size:12px}body{font-size:1rem;line-height:1.42}main{max-width:none;padding:0}
.wide{display:block}.narrow{display:none}
.of2{grid-template-columns:repeat(2,minmax(0,1fr))}.of3{grid-template-columns:repeat(3,minmax(0,1fr))}
h2,h3{break-after:avoid}h2{margin-top:9mm}
figure{break-inside:avoid;margin-top:9mm}figure details{display:none}
.warnings{border:1px solid var(--warn-edge);border-left-width:3px}
.scroll{overflow:visible}table{font-size:.78rem}th,td{padding:.1rem .3rem}thead th{min-width:0}thead{display:table-header-group}
tr{break-inside:avoid}a{color:inherit;text-decoration:none}}
)css";
}

}  // namespace linscan
