//! The rules by which questions are sorted, over their words. Beginners misspell, leave out apostrophes and write in the
//! language they think in, so words stand here by their stems. `tests/data/triage` has questions to try them on.

use crate::classify::Agent;

/// Whether a rule looks at the presence of code.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Code {
    Any,
    Needed,
}

/// Questions with one of these patterns belong to this agent.
pub(crate) struct Rule {
    pub(crate) name: &'static str,
    pub(crate) agent: Agent,
    pub(crate) code: Code,
    pub(crate) patterns: &'static [&'static str],
}

/// In the order in which they are tried.
pub(crate) const RULES: &[Rule] = &[
    Rule {
        name: "best-practice",
        agent: Agent::Concepts,
        code: Code::Any,
        patterns: &[r"\bbest practices?\b|\bnext (topic|lesson|chapter)\b"],
    },
    Rule {
        name: "solution-of-an-exercise",
        agent: Agent::CodeReview,
        code: Code::Needed,
        patterns: &[
            r"\b(my|our|this) (solution|answer|attempt|homework|work|try) (for|to|of|on)\b",
            r"\bcheck my (home)?work\b",
        ],
    },
    Rule {
        name: "asks-for-exercise",
        agent: Agent::Exercise,
        code: Code::Any,
        patterns: &[
            r"\b(give|gimme|make|create|generate|set|get|got|want|need|have|like|love|try|send|suggest|recommend|do|show|find|another|more|new|next|some|any|similar|first|last|\d+|\w+ easy|easy|medium|hard|harder|easier|warm.?up)\b[^.!?\n]*\b(ex\w{0,2}er[cs]i[sz]\w*|challenges?|puzzles?|katas?|drills?|worksheets?|quiz+(es)?)\b",
            r"^\W*(an? |the |one |two |three |\d+ )?((easy|medium|hard|simple|short|little|quick) )?(ex\w{0,2}er[cs]i[sz]\w*|quiz+(es)?|challenges?|puzzles?|tasks?|problems)( please| pls| plz| for me|:| (on|about|for|with|of) [^.!?\n]+)?\W*$",
            r"\b(ex\w{0,2}er[cs]i[sz]\w*|quiz+(es)?|worksheets?) (on|about|for|with)\b",
            r"\bex\w{0,2}er[cs]i[sz]\w* would\b",
        ],
    },
    Rule {
        name: "asks-for-a-task",
        agent: Agent::Exercise,
        code: Code::Any,
        patterns: &[
            r"\b(give|gimme|make|create|set|get|got|want|need|send|suggest|another|more|new|next|(an?|some|any) (easy|medium|hard|small|short|little|simple|similar))\b( \w+){0,3} (tasks?|homework|(coding|practi[cs]e|programming|python|test|exam|more) (problems?|questions?|tasks?|challenges?)|problems? (to|i can|on|about|for|like)|projects?)\b",
            r"\b(do you have|got|are there|have you got)\b( \w+){0,3} (tasks?|problems?|projects?)\b",
            r"\b(project|program|exercise|homework|coding|practi[cs]e) ideas?\b",
            r"\b(come up with|set me|send me|think of|invent|find me|pick)\b[^.!?\n]*\b(tasks?|something|some work|exercises?|problems?|riddles?|questions?)\b",
            r"\b(riddles?|brain ?teasers?|mini.?projects?|fill.in.the.blanks?)\b",
            r"\b(easy|medium|hard|low|high) (difficulty|level)\b",
            r"\b(one|something) (about|on|with) \w+\W+(easy|medium|hard|please)\b",
            r"\b(coding|practi[cs]e|programming) (problems?|questions?|tasks?|challenges?)\b",
            r"\b(\d+|two|three|four|five|ten|few|couple of|some|more) (\w+ )?(questions|problems|tasks) (on|about|for|with|like)\b",
            r"\bquestions (on|about|for) \w+( please| pls)?\W*$",
        ],
    },
    Rule {
        name: "wants-to-practise",
        agent: Agent::Exercise,
        code: Code::Any,
        patterns: &[
            r"\b(quiz|test|challenge|drill|train|examine) (me|my (knowledge|skills?|understanding))\b",
            r"\bask me\b[^.!?\n]*\bquestions?\b|\bmultiple.choice\b",
            r"\b(i|me|us|we|wanna|want to|like to|love to|need to|need|lets|to|can|could|some|more|how|where|let'?s|please) (do |get |have )?(some |more |bit of )?(practi[cs]\w*|train|exercise)\b",
            r"^\W*practi[cs]\w*\b[^.!?\n]*$",
            r"\b(some|any)thing (\w+ )?(to|for|that i can) (code|program|practi[cs]e|practi[cs]ing|solve|try|build|do|train|exercise)\b",
            r"\b(train|exercise|challenge) my (brain|skills?|mind)\b|\bwant to (solve|crack|tackle)\b",
            r"\bwhat (can|could|should) i (code|program|build|solve|practi[cs]e|train)\b",
            r"\btry (it|them|this|that|something)( \w+)? (out|myself|with|on)\b",
            r"\bwrite some code (with|about|using)\b",
        ],
    },
    Rule {
        name: "asks-for-another",
        agent: Agent::Exercise,
        code: Code::Any,
        patterns: &[
            r"\btoo (easy|simple|hard|difficult|boring)\b",
            r"^\W*(ok\W+|yes\W+|done\W+|finished\W+|solved\W+|thanks\W+)*(give me |i want |can i have |can i get )?(another|one more|the next|next|a new|new|some more|an?) ?(harder|easier|similar|different|tricky|hard|easy|simple)? ?(one|ones)?( like (this|that))?( please| pls| plz)?\W*$",
            r"^\W*(\w+ ){0,3}(harder|easier|difficult|trickier)( one| ones)?( please| pls| plz)?\W*$",
            r"\b(harder|easier|similar|tricky|trickier|challenging|simpler) (one|ones)\b",
            r"\bsomething (\w+ )?(hard|easy|harder|easier|simpler|tricky|challenging|difficult)\b",
            r"\b(give|send) me (the )?(next|another|one more)\b|\bwhat'?s( the)? next (task|one|exercise)\b",
            r"\b(next|another|new|more|last) (question|task|problem|exercise|riddle|one)s?( please| pls)?\W*$",
            r"\bmore\W*$|\bi want a challenge\b",
        ],
    },
    Rule {
        name: "exercise-in-other-languages",
        agent: Agent::Exercise,
        code: Code::Any,
        patterns: &[
            r"\bejercicios?\b|\bpracticar\b|\btareas?\b|\bübung|\büben\b|\baufgaben?\b|\brätsel\b|\bacertijos?\b",
            r"\bdesaf[ií]os?\b|\bd[ée]fis?\b|\bsfid[ae]\b|\bexercices?\b|\bentra[iî]ner\b|\bexerc[ií]cios?\b",
            r"\bpraticar\b|\besercizi|\bpratic(are|a)\b|упражнени|задач|задани|попрактик|练习|練習|题目|[一道个]题|来一题|出题",
            r"問題を|\balıştırma|\bpratik\b|\bzadani|\bćwicze|\boefening|\böva\b|\bövning|अभ्यास|연습|تمرين",
        ],
    },
    // A traceback or an error line, wherever it was pasted.
    Rule {
        name: "error-message",
        agent: Agent::Debug,
        code: Code::Any,
        patterns: &[
            r"traceback \(most recent call last\)|\b[a-z]*(error|exception|warning|interrupt)\s*:\s*\S",
            r"\bfile [^.!?\n]+, line \d+|\b[a-z]+error\b[^.!?\n]*\[errno|'[a-z]+' object (is not|has no|does not)",
            r"\b(object is not (callable|iterable|subscriptable)|index out of range|invalid syntax|unexpected indent|eol while scanning|unterminated string|is not defined|no module named|indices must be integers|was never closed|expected an indented block|referenced before assignment|positional arguments?\b[^.!?\n]*\b(missing|given|but)|unindent does not match|invalid literal|no such file)\b",
        ],
    },
    Rule {
        name: "name-of-an-error",
        agent: Agent::Debug,
        code: Code::Any,
        patterns: &[r"^\W*\w+(error|exception)( again| help| pls| please| plz)*\W*$"],
    },
    Rule {
        name: "asks-for-review",
        agent: Agent::CodeReview,
        code: Code::Any,
        patterns: &[
            r"\b(review|rate|grade|critique|assess|judge|evaluate|check|look (over|at|through)|have a look at|go over|proofread|comment on)\b[^.!?\n]*\b(my|this|following|the) (\w+ )?(code|program|script|function|solution|class|work|homework|attempt|implementation)\b",
            r"\b(review|rate|critique|judge|grade) (this|it)\b|\bcode review\b|^\W*review\W*$",
            r"\b(feedback|opinion|thoughts|suggestions|comments)\b[^.!?\n]*\b(code|program|script|function|solution|class|this|it)\b",
            r"\b(is|are) (this|my|the) (code|program|solution|function|script|class|naming|names|comments) (\w+ )?(ok|okay|good|bad|fine|clean|pythonic|readable|efficient|well|right|correct)\b",
            r"\bhow (good|bad|clean|readable|pythonic|efficient) is (my|this|the)\b",
            r"\b(improve|clean up|refactor|simplify|optimi[sz]e|shorten) (my|this) (\w+ )?(code|program|script|function|solution|class)\b",
        ],
    },
    Rule {
        name: "asks-to-improve",
        agent: Agent::CodeReview,
        code: Code::Needed,
        patterns: &[
            r"\b(feedback|review\w*|improv\w*|cleaner|clean (it|this|that|up|enough)|clean(ing)? [^.!?\n]*up|refactor\w*|(better|best|nicer|easier|shorter|faster|smarter|cleverer|right|proper|other) way|nicer|shorter|faster|speed|too slow|more (pythonic|readable|efficient|elegant)|pythonic|readable|efficient|elegant|simplif\w*|optimi[sz]\w*|style|pep ?8|naming|ugly|well.?written|what do you think|opinions?|(any )?(tips|suggestions?|advice|thoughts|comments)|would you (change|do|write|rate|use|give)|professional|do better|make (this|it) better|is it (bad|good|ok|okay|wrong) to|hand in|out of (10|100)|anything i (missed|forgot|could)|are my)\b",
        ],
    },
    Rule {
        name: "how-to-debug",
        agent: Agent::Concepts,
        code: Code::Any,
        patterns: &[
            r"\bhow (do|can|to|should|would)( i| you| we| one)? (debug|make an? (infinite|endless)|(catch|handle|raise|throw|write|test)\b)",
            r"\bwhat (is|are|does|'?s)( an?| the)? (debugging|(\w+ ?)?(errors?|exceptions?))( and [^.!?\n]*| mean\w*| in python| for)?\W*$",
            r"\b(difference|diff) between\b",
        ],
    },
    Rule {
        name: "something-wrong",
        agent: Agent::Debug,
        code: Code::Any,
        patterns: &[
            r"\b(wrong|broken?|crash\w*|fail(s|ed|ing)?|stuck|hangs?|hanging|freez(es?|ing)|froze|bug(s|gy|ged)?|mistakes?|complain\w*|timed out|took too long|exit code|red (line|underline)|infinite(ly)?|endless(ly)?)\b",
            r"\b(not|never|no longer|stopped|stops|quits?|nothing) (work\w*|run\w*|print\w*|stop\w*|end(s|ing)?|reach\w*|happen\w*|show\w*|respond\w*|being)\b",
            r"\b(does ?n.?t|dosn.?t|dont|don.?t|did ?n.?t|wo ?n.?t|wont|is ?n.?t|isnt|ca ?n.?t|can ?not) (even |really |seem to )?(work\w*|run\w*|stop|end|start|finish|compile|update|do (it|what|any)|be found|sort|calculate|count|add|change|print|show|return|loop|save|open)\b",
            r"\b(runs?|goes|loops?|keeps? (on )?(going|running)) for ?ever\b",
            r"\b(debug|fix|repair|solve) (my|this|it|the|that|me)\b|\b(pls|please|plz) (fix|debug)\b",
            r"^\W*(fix|debug) ?(it|this)?\W*$|\bget rid of\b[^.!?\n]*\b(error|exception|message)",
            r"\bfix (an?|this|the|my) \w*(error|exception|problem|bug)",
            r"\b(get|getting|got|gives?|giving|gave|throws?|throwing|raises?|shows?|says?|same|strange|weird|have|there is|there'?s) (me )?(an?|this|the|some|same)? ?(\w+ ){0,2}\w*(error|exception|traceback)s?\b",
            r"\bwhy (do|did|am|are) i (get|getting|see|seeing|got)\b|\b\w*error in line\b|\bin line \d+\b",
            r"\bmemory ?error when\b",
            r"\b(it|python|idle|pycharm|vs ?code|the (console|terminal|computer|editor|compiler|interpreter|program|code)) (just |only |always |keeps? |then )?(says|said|saying|tells|told|complains|shows|gives|gave|throws|prints|printed|returns|closes|quits|stops|ended|ignores|skips)\b",
            r"\bclose[sd]? (right away|immediately)|\bkeeps? (on )?\w+ing\b",
            r"\b(somehow|for no reason|all the time)\b|\bevery time i (run|start|type|enter|press|try)\b",
            r"\b(ca ?n.?t|cannot|can not) get (past|it|this|my|the)\b",
            r"\b(window|screen|console|terminal|app|program) (just |always |suddenly )?(disappears?|closes?|vanishes|flickers|goes (away|black))\b",
            r"\bred text\b|\b(something|somthing|smth)( is|.?s|.s)? (off|wrong|weird|strange|missing|fishy)\b",
            r"\b(not found|seg(mentation)? ?fault|assert\w* (error|failed)|core dumped|stack ?trace)\b",
            r"\b(it|python|the computer|the program|my \w+) (thinks|refuses|insists|won.?t let|does nothing|crashed|ignores)\b",
            r"\b(is|are|gets?|was) (being )?(skipped|ignored|overwritten|lost|cut off|deleted)\b",
            r"\bmy (\w+ ){0,3}(code|program|script|function|game|bot|app|calculator|converter|timer|turtle|loop|quiz|hangman|project|print statement) (\w+ )?(says?|said|thinks|lets|makes|turns|becomes|counts?|asks?|starts?|loses?|adds?|takes?|repeats?|ends?|jumps?|gets?|has|won.?t)\b",
        ],
    },
    Rule {
        name: "own-program-misbehaves",
        agent: Agent::Debug,
        code: Code::Any,
        patterns: &[
            r"\b(my|the) (\w+ ){0,2}(code|program|script|function|loop|list|dict\w*|class|output|result|answer|variable|game|input|sum|average|counter|calculator|recursion|string|file|method|total|condition|statement|else|if|test)( \w+)?\b[^.!?\n]*\b(does|doesn.?t|doesnt|don.?t|is|isn.?t|isnt|are|was|keeps?|gets?|always|never|only|returns?|returned|prints?|printed|gives?|gave|shows?|skips?|ignores?|stops?|runs?|goes|works?|worked|has|stays?|cant|can.?t|ended|comes|jumps?)\b[^.!?\n]*\b(none|nothing|empty|twice|once|always|never|instead|not|n.?t|again|over and over|still|only|same|different|everything|too (many|much|few|big|small|late|early)|zero|0|first|last|text|one|reached|true|false)\b",
            r"\bwhy (is|are|does|do|isn.?t|isnt|doesn.?t|doesnt|won.?t|wont|can.?t|cant|did)\b[^.!?\n]*\b(my|this|it|the (code|program|result|output|second|first|last|loop|answer|value|list|function|test))\b",
            r"\bit (only |just )?(worked|works|runs?|ran|goes|shows|says|gives?|outputs?|stops)\b[^.!?\n]*\b(but|and then|instead|now|only|even though|twice|nothing)\b",
            r"\b(returns?|prints?|printed|gives?|gave|gets?|got|get|getting|shows?|outputs?) [^.!?\n]+\b(instead of|but (it|i|that|the|should|not)|rather than)\b",
            r"\bshould(n.?t)? (be|print|return|give|show|have|output|say)\b|\bsupposed to\b",
            r"\bexpected\b[^.!?\n]*\b(but|got|get)\b|\bhow come (i|it|my)\b",
            r"\b(one|some|\d+|all) of the tests?\b[^.!?\n]*\b(fail|red|not|keeps?)",
            r"\bi (changed|typed|copied|tried|did) [^.!?\n]*\b(but|now|and (now|it|then))\b",
            r"\bit (worked|ran) (yesterday|before|earlier)\b|\bwithout any (output|result)",
            r"\bi (want|wanted|need|expect\w*|get|got|see)\b[^.!?\n]+\b(but|and not|instead|becomes)\b",
            r"\bbut (there (is|are)|it|i|he|python|the) (still |only |just )?(get|got|is|are|prints?|says?|shows?|gives?|does|doesn.?t|didn.?t|won.?t|becomes|stays)\b",
            r"\bis always\b|\bbecomes?\b[^.!?\n]*\b(0|zero|none|empty|negative)\b",
        ],
    },
    Rule {
        name: "wrong-in-other-languages",
        agent: Agent::Debug,
        code: Code::Any,
        patterns: &[
            r"\bno (me )?(funciona|sirve|corre|anda|imprime|sale)|\bme (sale|da|aparece|tira)\b[^.!?\n]*\berror",
            r"\berrores?\b[^.!?\n]*\b(en|de|al)\b|\bfalla\b",
            r"\b(funktioniert|geht|läuft|klappt|stimmt|startet|funktionier\w*|laeuft)\b[^.!?\n]*\b(nicht|nich|net|falsch)\b",
            r"\bfehler(meldung)?\b|\bkaputt\b|\bfalsch\b",
            r"\b(marche|fonctionne|affiche|tourne|lance) (pas|plus|rien)\b|\berreurs?\b|\bplante\b",
            r"\bn[aã]o (funciona|roda|imprime|executa|est[aá])|\bdeu erro\b|\berros?\b",
            r"\bnon (funziona|va|stampa|parte)\b|\berrore\b|не (работает|запускается|печатает|выводит|получается)",
            r"ошибк|报错|報錯|出错|错误|不能运行|运行不了|不工作|没反应|为什么[^.!?\n]*(不|没|错|none)|エラー|動か|動きません|\bkaam na?h?i",
            r"\bnahi? (chal|ho)|\berror (aa|a) ?rah|\bçalışm[ıi]|\bhata\b|\bnie (działa|dziala)|\bbłąd",
            r"\bwerkt niet\b|\bfungerar inte\b|\b(stürzt|hängt|bricht|spinnt|zeigt nichts|passiert nichts)\b",
            r"\bse (queda|cuelga|cierra|bloquea|traba)\b|\b(est|sont|c'est) (faux|fausse|cass[ée]+)\b",
            r"\b(bloque|bugue?|bogue)\b|\b(errad[oa]|trava(ndo)?|quebrou|parou)\b|\b(si blocca|sbagliat\w+)\b",
            r"зависа|вылета|сломал|неправильн|падает|卡住|不对|崩溃|おかしい|固ま|बंद|काम नहीं|안 ?(돼|되|됩)|오류|에러|لا يعمل",
        ],
    },
    Rule {
        name: "asks-what-code-does",
        agent: Agent::Concepts,
        code: Code::Needed,
        patterns: &[
            r"\bwhat'?s?\b[^.!?\n]*\b(do|does|mean|means|doing|for)\b|\bexplain\w*\b|\bline by line\b",
            r"\bhow (does|do|is)\b[^.!?\n]*\b(works?|possible|this|it)\b|\bwhy (is|are) there\b",
            r"\bwhy (do|does) (we|you|one|they|people|python)\b|\bunderstand (this|the|how|what)\b",
            r"\bwhat is (the|this|an?)\b",
            r"\b(what|which)\b[^.!?\n]*\b(would happen|happens|if i|runs?|called|executed|line|part)\b",
            r"\bqué (hace|significa)|\bwas (macht|bedeutet)|\bque fait\b|\bo que (faz|significa)|\bcosa fa\b",
            r"что (делает|значит)|什么意思|是什么",
        ],
    },
    Rule {
        name: "wrong-behaviour",
        agent: Agent::Debug,
        code: Code::Needed,
        patterns: &[
            r"\b(does ?n.?t|doesnt|do ?n.?t|dont|did ?n.?t|wo ?n.?t|is ?n.?t|isnt|not|never|no|nothing|none)\b",
            r"\b(errors?|help|helpp?|why|wrong|expect\w*|instead|infinite|skips?|ignores?|misses|missing|gives?|prints?|outputs?|weird|strange|still|again|should|stops?|twice|line \d+|h[ea]lp+|hilfe|ayuda|aide|but|where('?s| is)|want(ed)?)\b",
            r"^\W*\?+\W*$",
        ],
    },
    Rule {
        name: "asks-about-own-code",
        agent: Agent::CodeReview,
        code: Code::Needed,
        patterns: &[
            r"\b(is|are|was|should|could|would|can|did|does|done|made|finished|check|right|correct|good|ok|okay|fine|first|look|here|heres|solution|rate|grade)\b",
        ],
    },
    Rule {
        name: "asks-for-review-in-other-languages",
        agent: Agent::CodeReview,
        code: Code::Any,
        patterns: &[
            r"\b(revisa\w*|corrige|califica\w*|mejorar|evalua\w*)\b[^.!?\n]*\b(c[oó]digo|programa|soluci[oó]n)",
            r"\b(code|programm|lösung)\b[^.!?\n]*\b(bewerten|prüfen|anschauen|ansehen|verbessern|korrigieren)",
            r"\b(relire|corriger|vérifier|évaluer|améliorer|noter)\b[^.!?\n]*\b(code|programme)",
            r"\b(avaliar?|revisar?|melhorar|corrigir)\b[^.!?\n]*\bc[oó]digo",
            r"\b(rivedere|controllare|migliorare|valuta\w*)\b[^.!?\n]*\bcodice",
            r"(проверь|оцени|посмотри)[^.!?\n]*(код|программ)|(看看|检查|评价|点评)[^.!?\n]*代码|コード[^.!?\n]*(レビュー|チェック|見て)",
            r"\bcode (check|review|dekh)",
        ],
    },
    Rule {
        name: "names-a-concept",
        agent: Agent::Concepts,
        code: Code::Any,
        patterns: &[
            r"\b(variab\w*|varib\w*|lists?|tup(le|el)s?|dicts?|dict\w*ar\w*|dictonar\w*|sets|a set|strings?|strngs?|substring|ints?|integers?|floats?|floating|decimals?|booleans?|bools?|loops?|looping|forloops?|(while|for|if|elif|else|with|try|switch|match|print|return|break|import|global|pass|assert|del|yield) (loops?|statements?|keywords?|blocks?|mean|do|does|work|vs|versus)|if.?else|elif|range|functions?|funcs?|funtions?|methods?|class|classes|objects?|instances?|attributes?|constructors?|oop|object.oriented|recurs\w*|inherit\w*|polymorph\w*|encapsul\w*|interfaces?|modules?|packages?|librar(y|ies)|imports?|csv|json|files?|exceptions?|\w+errors?|raise|try|except|finally|catch|inputs?|output|return(s|ed)?|param\w*|arguments?|k?w?args|lambdas?|decorators?|generators?|yield|iterat\w*|comprehensions?|slic(e|es|ing)|index(es|ing)?|indices|sort(s|ed|ing)?|append|extend|concat\w*|enumerate|zip|self|__\w+__|dunder|scopes?|globals?|constants?|data ?types?|arrays?|matri(x|ces)|stacks?|queues?|linked|operators?|modulo|comments?|commenting|docstrings?|indent\w*|syntax|debug\w*|unit ?tests?|good tests|pep ?8|pythonic|big.?o|random|mutable|immutable|none|true|false|type hints?|f.?strings?|format\w*|upper ?case|lower ?case|reverse\w*|round(ing)?|exponents?|powers?|remainder|divi(de|des|ding|sion)|random|numbers?|keys?|values?|hash\w*|tabs or spaces|names?pace|interpreter|compiler|algorithms?|bin?ary|regex\w*|venv|pip|todays? date|datetime|letters?|words?|sentences?|quotes?|spaces|text|screen|def|pop|filter|match.?case|dataclass\w*|counters?|defaultdict|pi|math|dice|elements?|items?|conditions?|tracebacks?|error messages?|base case|rows|columns|grid|swap|nested|library|brackets?|parenthes[ei]s|braces|naming|rules|f(u|o)n?ct?i?ons?|gen[ae]rat\w*|inher\w*|re?cu?rs\w*|lam.?da|exc?eptions?|argu?e?ments?|lsit)\b",
            r"\bwhile\b[^.!?\n]*\bfor\b|\bfor\b[^.!?\n]*\bwhile\b|\bwhat (do|does) [^.!?\n]+ (do|mean)\b",
            r"\bhow (do|does) [^.!?\n]+ work\b",
            r"\b(learn|teach|beginner|tutorial|lessons?|study|where (do|should|can) i (start|begin))\b",
            r"\bpyth?on\b[^.!?\n]*\w{2,}|\w{2,}[^.!?\n]*\bpyth?on\b",
        ],
    },
    Rule {
        name: "asks-about-signs",
        agent: Agent::Concepts,
        code: Code::Any,
        patterns: &[
            r#"\b(what|whats|what's|how|why|when|where|which|explain|difference|mean(s|ing)?|does|is)\b.*([\[\](){}<>=+*/%@#\\_:^&|~-]|\b\d+\b|"|'.')"#,
        ],
    },
    Rule {
        name: "concept-in-other-languages",
        agent: Agent::Concepts,
        code: Code::Any,
        patterns: &[
            r"\b(listas?|tuplas?|diccionarios?|bucles?|funci[oó]n(es)?|cadenas?|clases?|archivos?|herencia|qu[eé] es|c[oó]mo (hago|se|puedo|funciona)|listen?|schleifen?|funktion(en)?|klassen?|wörterb\w+|zeichenkette\w*|dateie?n?|vererbung|was ist|wie (mache|sortiere|kann|funktioniert|lese|schreibe)|unterschied|variablen?|listes?|boucles?|fonctions?|classes|dictionnaires?|fichiers?|cha[iî]nes?|c'est quoi|qu'est.ce|comment (faire|lire|on|utiliser)|la[cç]os?|fun[cç](ão|ões|ao)|dicion[aá]rios?|vari[aá]ve(l|is)|o que (é|e|são)|como (faço|faco|fazer|usar)|herança|ciclo|cicli|funzion[ei]|classe|classi|dizionari\w*|stringhe|cos'è|come (si|faccio)|kya (hai|hota|hoti)|kaise|nedir|nas[ıi]l|döng[üu]\w*|fonksiyon\w*|liste\w*|p[ęe]tl[aię]\w*|funkcj\w*|jak (działa|zrobić|użyć)|co to jest|list[ay]|lussen|functie)\b",
            r"цикл|список|списк|словар|функци|переменн|класс|строк|что такое|как (работает|сделать)|列表|字典|循环|函数|变量",
            r"字符串|元组|类是|怎么用|什么是|リスト|辞書|ループ|関数|変数|クラス|とは|リスト|함수|변수|리스트|반복|फ़ंक्शन|लूप",
        ],
    },
];
