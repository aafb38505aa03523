<?xml version="1.0" encoding="utf-8"?>
<!DOCTYPE TS>
<TS version="2.1" language="en" sourcelanguage="en">
<context>
    <name>AgentWords</name>
    <message numerus="yes">
        <source>All %n walls are up.</source>
        <translation>
            <numerusform>Its one wall is up (%n).</numerusform>
            <numerusform>All %n walls are up.</numerusform>
        </translation>
    </message>
</context>
<context>
    <name>BarState</name>
    <message numerus="yes">
        <source>%n running</source>
        <translation>
            <numerusform>%n running</numerusform>
            <numerusform>%n running</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>%n paused</source>
        <translation>
            <numerusform>%n paused</numerusform>
            <numerusform>%n paused</numerusform>
        </translation>
    </message>
</context>
<context>
    <name>DeviceWords</name>
    <message numerus="yes">
        <source>%1 of %n processor(s), each 100 %</source>
        <translation>
            <numerusform>%1 of %n processor, which is 100 %</numerusform>
            <numerusform>%1 of %n processors, each 100 %</numerusform>
        </translation>
    </message>
</context>
<context>
    <name>Facts</name>
    <message numerus="yes">
        <source>All %n walls of its fence are up.</source>
        <translation>
            <numerusform>The %n wall of its fence is up.</numerusform>
            <numerusform>All %n walls of its fence are up.</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>%1 (%n times)</source>
        <translation>
            <numerusform>%1 (%n time)</numerusform>
            <numerusform>%1 (%n times)</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>%n questions were denied without asking a person: %1. The first was to %2.</source>
        <translation>
            <numerusform>%n question was denied without asking a person: %1. It was to %2.</numerusform>
            <numerusform>%n questions were denied without asking a person: %1. The first was to %2.</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>%n actions were allowed by the policy, among them: %1.</source>
        <translation>
            <numerusform>%n action was allowed by the policy: %1.</numerusform>
            <numerusform>%n actions were allowed by the policy, among them: %1.</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>%n records were told faster than they may come into the log, by %1; they are not in it.</source>
        <translation>
            <numerusform>%n record was told faster than it may come into the log, by %1; it is not in it.</numerusform>
            <numerusform>%n records were told faster than they may come into the log, by %1; they are not in it.</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>%1 %n connections ended because of them.</source>
        <translation>
            <numerusform>%1 %n connection ended because of them.</numerusform>
            <numerusform>%1 %n connections ended because of them.</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>%n connections were kept open for %1 while it was paused.</source>
        <translation>
            <numerusform>%n connection was kept open for %1 while it was paused.</numerusform>
            <numerusform>%n connections were kept open for %1 while it was paused.</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>%n agents</source>
        <translation>
            <numerusform>%n agent</numerusform>
            <numerusform>%n agents</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>%1 and %n tokens</source>
        <translation>
            <numerusform>%1 and %n token</numerusform>
            <numerusform>%1 and %n tokens</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>Agents of the background leave %n processors to your programs: %1.</source>
        <translation>
            <numerusform>Agents of the background leave %n processor to your programs: %1.</numerusform>
            <numerusform>Agents of the background leave %n processors to your programs: %1.</numerusform>
        </translation>
    </message>
</context>
<context>
    <name>NoticeWords</name>
    <message numerus="yes">
        <source>More questions of it: %n.</source>
        <translation>
            <numerusform>More questions of it: %n.</numerusform>
            <numerusform>More questions of it: %n.</numerusform>
        </translation>
    </message>
</context>
<context>
    <name>Phrase</name>
    <message numerus="yes">
        <source>Choose at least %n characters.</source>
        <translation>
            <numerusform>Choose at least %n character.</numerusform>
            <numerusform>Choose at least %n characters.</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>Choose at most %n characters.</source>
        <translation>
            <numerusform>Choose at most %n character.</numerusform>
            <numerusform>Choose at most %n characters.</numerusform>
        </translation>
    </message>
</context>
<context>
    <name>QuestionWords</name>
    <message numerus="yes">
        <source>%1… (%n more characters, shown below)</source>
        <translation>
            <numerusform>%1… (%n more character, shown below)</numerusform>
            <numerusform>%1… (%n more characters, shown below)</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>%1 wants %n things at once</source>
        <translation>
            <numerusform>%1 wants %n thing</numerusform>
            <numerusform>%1 wants %n things at once</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>%1, and %n more</source>
        <translation>
            <numerusform>%1, and %n more</numerusform>
            <numerusform>%1, and %n more</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>and %n more that are not shown here</source>
        <translation>
            <numerusform>and %n more that is not shown here</numerusform>
            <numerusform>and %n more that are not shown here</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>The %n calls that wait for this same answer.</source>
        <translation>
            <numerusform>The %n call that waits for this same answer.</numerusform>
            <numerusform>The %n calls that wait for this same answer.</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>All %n things of this card, and nothing else.</source>
        <translation>
            <numerusform>The %n thing of this card, and nothing else.</numerusform>
            <numerusform>All %n things of this card, and nothing else.</numerusform>
        </translation>
    </message>
</context>
<context>
    <name>RunWords</name>
    <message numerus="yes">
        <source>Waits for your answer to %n question(s)</source>
        <translation>
            <numerusform>Waits for your answer to %n question</numerusform>
            <numerusform>Waits for your answer to %n questions</numerusform>
        </translation>
    </message>
</context>
<context>
    <name>StandingWords</name>
    <message numerus="yes">
        <source>Agents at work: %n.</source>
        <translation>
            <numerusform>Agents at work: %n.</numerusform>
            <numerusform>Agents at work: %n.</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>Agents paused: %n.</source>
        <translation>
            <numerusform>Agents paused: %n.</numerusform>
            <numerusform>Agents paused: %n.</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>Questions waiting for you: %n.</source>
        <translation>
            <numerusform>Questions waiting for you: %n.</numerusform>
            <numerusform>Questions waiting for you: %n.</numerusform>
        </translation>
    </message>
</context>
<context>
    <name>StopFacts</name>
    <message numerus="yes">
        <source>%n agent(s)</source>
        <translation>
            <numerusform>%n agent</numerusform>
            <numerusform>%n agents</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>%n process(es)</source>
        <translation>
            <numerusform>%n process</numerusform>
            <numerusform>%n processes</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>Not verified: %n process(es) were still inside a call that had begun before.</source>
        <translation>
            <numerusform>Not verified: %n process was still inside a call that had begun before.</numerusform>
            <numerusform>Not verified: %n processes were still inside a call that had begun before.</numerusform>
        </translation>
    </message>
</context>
<context>
    <name>Words</name>
    <message numerus="yes">
        <source>%1… (%n more characters)</source>
        <translation>
            <numerusform>%1… (%n more character)</numerusform>
            <numerusform>%1… (%n more characters)</numerusform>
        </translation>
    </message>
</context>
<context>
    <name>ringfence::ui::Bar</name>
    <message numerus="yes">
        <source>%n question(s) wait for you</source>
        <translation>
            <numerusform>%n question waits for you</numerusform>
            <numerusform>%n questions wait for you</numerusform>
        </translation>
    </message>
</context>
<context>
    <name>ringfence::ui::DoctorPage</name>
    <message numerus="yes">
        <source>Linux %1: %n thing(s) need a look.</source>
        <translation>
            <numerusform>Linux %1: %n thing needs a look.</numerusform>
            <numerusform>Linux %1: %n things need a look.</numerusform>
        </translation>
    </message>
</context>
<context>
    <name>ringfence::ui::GrantsModel</name>
    <message numerus="yes">
        <source>%1 (unused for %n days: still wanted?)</source>
        <translation>
            <numerusform>%1 (unused for %n day: still wanted?)</numerusform>
            <numerusform>%1 (unused for %n days: still wanted?)</numerusform>
        </translation>
    </message>
</context>
<context>
    <name>ringfence::ui::HistoryPage</name>
    <message numerus="yes">
        <source>Written: %n facts.</source>
        <translation>
            <numerusform>Written: %n fact.</numerusform>
            <numerusform>Written: %n facts.</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>Chain verified: %n facts, head %1</source>
        <translation>
            <numerusform>Chain verified: %n fact, head %1</numerusform>
            <numerusform>Chain verified: %n facts, head %1</numerusform>
        </translation>
    </message>
</context>
<context>
    <name>ringfence::ui::InboxPage</name>
    <message numerus="yes">
        <source>%n waiting.</source>
        <translation>
            <numerusform>%n waiting.</numerusform>
            <numerusform>%n waiting.</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>%n missed in the last day.</source>
        <translation>
            <numerusform>%n missed in the last day.</numerusform>
            <numerusform>%n missed in the last day.</numerusform>
        </translation>
    </message>
</context>
<context>
    <name>ringfence::ui::MainWindow</name>
    <message numerus="yes">
        <source>Re-armed. %n agent(s) stay paused until you resume them.</source>
        <translation>
            <numerusform>Re-armed. %n agent stays paused until you resume it.</numerusform>
            <numerusform>Re-armed. %n agents stay paused until you resume them.</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>%1 The daemon paused %n agent(s) of yours; new ones can still be started.</source>
        <translation>
            <numerusform>%1 The daemon paused %n agent of yours; new ones can still be started.</numerusform>
            <numerusform>%1 The daemon paused %n agents of yours; new ones can still be started.</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>%1 The daemon paused %n agent(s) of yours.</source>
        <translation>
            <numerusform>%1 The daemon paused %n agent of yours.</numerusform>
            <numerusform>%1 The daemon paused %n agents of yours.</numerusform>
        </translation>
    </message>
</context>
<context>
    <name>ringfence::ui::NetworkTab</name>
    <message numerus="yes">
        <source>It connected, or wanted to, to %n hosts; there is no room for the others.</source>
        <translation>
            <numerusform>It connected, or wanted to, to %n host; there is no room for the others.</numerusform>
            <numerusform>It connected, or wanted to, to %n hosts; there is no room for the others.</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>It connected, or wanted to, to %n hosts.</source>
        <translation>
            <numerusform>It connected, or wanted to, to %n host.</numerusform>
            <numerusform>It connected, or wanted to, to %n hosts.</numerusform>
        </translation>
    </message>
</context>
<context>
    <name>ringfence::ui::PoliciesPage</name>
    <message numerus="yes">
        <source>%n agents</source>
        <translation>
            <numerusform>%n agent</numerusform>
            <numerusform>%n agents</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>It does not load: %n problems.</source>
        <translation>
            <numerusform>It does not load: %n problem.</numerusform>
            <numerusform>It does not load: %n problems.</numerusform>
        </translation>
    </message>
</context>
<context>
    <name>ringfence::ui::PromptView</name>
    <message numerus="yes">
        <source>%1: %n questions, answered together</source>
        <translation>
            <numerusform>%1: %n question</numerusform>
            <numerusform>%1: %n questions, answered together</numerusform>
        </translation>
    </message>
</context>
<context>
    <name>ringfence::ui::TrayIcon</name>
    <message numerus="yes">
        <source>%1 (pauses in %n s at the latest)</source>
        <translation>
            <numerusform>%1 (pauses in %n s at the latest)</numerusform>
            <numerusform>%1 (pauses in %n s at the latest)</numerusform>
        </translation>
    </message>
</context>
<context>
    <name>ringfence::ui::WordsScreen</name>
    <message numerus="yes">
        <source>%n bytes too long.</source>
        <translation>
            <numerusform>%n byte too long.</numerusform>
            <numerusform>%n bytes too long.</numerusform>
        </translation>
    </message>
</context>
</TS>
