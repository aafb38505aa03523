<?xml version="1.0" encoding="utf-8"?>
<!DOCTYPE TS>
<TS version="2.1" language="zh_CN" sourcelanguage="en">
<context>
    <name>AgentWords</name>
    <message>
        <source>, </source>
        <comment>between names</comment>
        <translation>，</translation>
    </message>
    <message>
        <source>unknown</source>
        <translation>未知</translation>
    </message>
    <message>
        <source>%1 s</source>
        <comment>seconds</comment>
        <translation>%1 秒</translation>
    </message>
    <message>
        <source>%1: %2 of delay</source>
        <translation>%1：延迟 %2</translation>
    </message>
    <message>
        <source>%1, %2 tokens to buy again</source>
        <translation>%1，需重新购买 %2 个词元</translation>
    </message>
    <message>
        <source>%1, %2 of work lost</source>
        <translation>%1，丢失 %2 的工作</translation>
    </message>
    <message>
        <source>%1; it must not be done now</source>
        <translation>%1；现在不可这样做</translation>
    </message>
    <message>
        <source>%1 (%2)</source>
        <translation>%1（%2）</translation>
    </message>
    <message>
        <source>%1; cheaper after %2</source>
        <translation>%1；%2 之后代价更小</translation>
    </message>
    <message>
        <source>It waits for a person.</source>
        <translation>它在等待人。</translation>
    </message>
    <message>
        <source>It waits for a model, or for another server.</source>
        <translation>它在等待模型或其他服务器。</translation>
    </message>
    <message>
        <source>An answer of a model, or of another server, is coming in.</source>
        <translation>模型或其他服务器的回答正在传入。</translation>
    </message>
    <message>
        <source>It works: a tool runs, or it computes.</source>
        <translation>它在工作：正在运行工具或计算。</translation>
    </message>
    <message>
        <source>How its walls are is not known.</source>
        <translation>其隔离墙的状态未知。</translation>
    </message>
    <message numerus="yes">
        <source>All %n walls are up.</source>
        <translation>
            <numerusform>全部 %n 道隔离墙均已生效。</numerusform>
        </translation>
    </message>
    <message>
        <source>Walls that are NOT up: %1.</source>
        <translation>未生效的隔离墙：%1。</translation>
    </message>
    <message>
        <source>Weakened: %1.</source>
        <translation>已削弱：%1。</translation>
    </message>
    <message>
        <source>Ended; how is not known</source>
        <translation>已结束；方式未知</translation>
    </message>
    <message>
        <source>Ended because it was out of memory</source>
        <translation>因内存不足而结束</translation>
    </message>
    <message>
        <source>Ended by signal %1</source>
        <translation>被信号 %1 结束</translation>
    </message>
    <message>
        <source>Ended with status %1</source>
        <translation>结束，状态码 %1</translation>
    </message>
    <message>
        <source>Paused for %1</source>
        <translation>暂停 %1</translation>
    </message>
    <message>
        <source>Paused, its memory taken back</source>
        <translation>已暂停，内存被收回</translation>
    </message>
    <message>
        <source>Ended</source>
        <translation>已结束</translation>
    </message>
    <message>
        <source>No safe point is known: what an end loses is counted from its start.</source>
        <translation>没有已知的安全点：结束造成的损失从其开始时算起。</translation>
    </message>
    <message>
        <source>Its last safe point: %1</source>
        <translation>上一个安全点：%1</translation>
    </message>
</context>
<context>
    <name>BarState</name>
    <message numerus="yes">
        <source>%n running</source>
        <translation>
            <numerusform>%n 个运行中</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>%n paused</source>
        <translation>
            <numerusform>%n 个已暂停</numerusform>
        </translation>
    </message>
    <message>
        <source>No agent runs</source>
        <translation>没有智能体在运行</translation>
    </message>
    <message>
        <source>%1, %2</source>
        <comment>3 running, 1 paused</comment>
        <translation>%1，%2</translation>
    </message>
    <message>
        <source>Not known</source>
        <translation>未知</translation>
    </message>
    <message>
        <source>STOPPED</source>
        <translation>已紧急停止</translation>
    </message>
</context>
<context>
    <name>DeviceWords</name>
    <message numerus="yes">
        <source>%1 of %n processor(s), each 100 %</source>
        <translation>
            <numerusform>%1，共 %n 个处理器，每个为 100 %</numerusform>
        </translation>
    </message>
    <message>
        <source>%1 of %2 in use</source>
        <translation>已用 %1，共 %2</translation>
    </message>
    <message>
        <source>%1 %2</source>
        <comment>what, watts</comment>
        <translation>%1 %2</translation>
    </message>
    <message>
        <source>unknown: this device does not tell, or not to you</source>
        <translation>未知：本设备不提供，或不向您提供</translation>
    </message>
    <message>
        <source>, </source>
        <comment>between figures</comment>
        <translation>，</translation>
    </message>
    <message>
        <source>none</source>
        <translation>无</translation>
    </message>
    <message>
        <source>%1, in use</source>
        <translation>%1，使用中</translation>
    </message>
    <message>
        <source>%1, not in use</source>
        <translation>%1，未使用</translation>
    </message>
    <message>
        <source>%1 of the time</source>
        <translation>%1 的时间</translation>
    </message>
    <message>
        <source>Processor</source>
        <translation>处理器</translation>
    </message>
    <message>
        <source>Memory</source>
        <translation>内存</translation>
    </message>
    <message>
        <source>Something waits for a processor</source>
        <translation>有程序在等待处理器</translation>
    </message>
    <message>
        <source>Something waits for memory</source>
        <translation>有程序在等待内存</translation>
    </message>
    <message>
        <source>Something waits for disks</source>
        <translation>有程序在等待磁盘</translation>
    </message>
    <message>
        <source>GPU</source>
        <translation>GPU</translation>
    </message>
    <message>
        <source>NPU</source>
        <translation>NPU</translation>
    </message>
    <message>
        <source>Energy</source>
        <translation>能耗</translation>
    </message>
    <message>
        <source>Battery</source>
        <translation>电池</translation>
    </message>
</context>
<context>
    <name>Facts</name>
    <message>
        <source>Ringfence %1 started, on kernel %2.</source>
        <translation>Ringfence %1 已启动，内核 %2。</translation>
    </message>
    <message>
        <source>Ringfence&apos;s daemon ends: %1. Agents go on inside their walls.</source>
        <translation>Ringfence 守护进程退出：%1。智能体在围栏内继续运行。</translation>
    </message>
    <message>
        <source>%1 starts in %2 with the policy %3: %4</source>
        <translation>%1 在 %2 中以策略 %3 启动：%4</translation>
    </message>
    <message>
        <source>%1 (weakened: %2)</source>
        <translation>%1（防护被削弱：%2）</translation>
    </message>
    <message>
        <source>Its fence was built; how the walls are is not told.</source>
        <translation>围栏已建成；各道墙的情况未知。</translation>
    </message>
    <message>
        <source>Its fence was built without these walls: %1.</source>
        <translation>围栏已建成，但缺少这些墙：%1。</translation>
    </message>
    <message numerus="yes">
        <source>All %n walls of its fence are up.</source>
        <translation>
            <numerusform>围栏的 %n 道墙全部就位。</numerusform>
        </translation>
    </message>
    <message>
        <source>Its command runs, as process %1.</source>
        <translation>命令正在运行，进程号 %1。</translation>
    </message>
    <message>
        <source>It was not started: %1 (%2).</source>
        <translation>没有启动：%1（%2）。</translation>
    </message>
    <message>
        <source>The governor paused it: %1.</source>
        <translation>被资源调控暂停：%1。</translation>
    </message>
    <message>
        <source>The governor paused it: %1. This was thought to cost it %2.</source>
        <translation>被资源调控暂停：%1。估计代价为 %2。</translation>
    </message>
    <message>
        <source>The emergency stop froze it: %1.</source>
        <translation>被紧急停止冻结：%1。</translation>
    </message>
    <message>
        <source>It is held: %1.</source>
        <translation>已被暂停：%1。</translation>
    </message>
    <message>
        <source>%1 paused it: %2.</source>
        <translation>%1将其暂停：%2。</translation>
    </message>
    <message>
        <source>The governor let it go on: %1.</source>
        <translation>资源调控让它继续：%1。</translation>
    </message>
    <message>
        <source>%1 let it go on.</source>
        <translation>%1让它继续。</translation>
    </message>
    <message>
        <source>It is being killed: %1.</source>
        <translation>正在强制结束：%1。</translation>
    </message>
    <message>
        <source>It is asked to end: %1.</source>
        <translation>已要求停止：%1。</translation>
    </message>
    <message>
        <source>It ended because it was out of memory.</source>
        <translation>因内存不足而结束。</translation>
    </message>
    <message>
        <source>It was ended by signal %1.</source>
        <translation>被信号 %1 结束。</translation>
    </message>
    <message>
        <source>It ended with status %1.</source>
        <translation>已结束，状态 %1。</translation>
    </message>
    <message>
        <source>It ended; how is not known.</source>
        <translation>已结束；方式未知。</translation>
    </message>
    <message>
        <source>%1 (obeyed by %2)</source>
        <translation>%1（由 %2 执行）</translation>
    </message>
    <message>
        <source>%1 It changed what runs or is obeyed later, outside: %2.</source>
        <translation>%1 它更改了以后会在围栏外运行或生效的内容：%2。</translation>
    </message>
    <message>
        <source>%1 %2.</source>
        <translation>%1 %2。</translation>
    </message>
    <message>
        <source>After a restart something was not as the log says: %1. What was done: %2.</source>
        <translation>重启后有情况与日志不符：%1。处理方式：%2。</translation>
    </message>
    <message>
        <source>It was found again after a restart, as process %1.</source>
        <translation>重启后重新找到，进程号 %1。</translation>
    </message>
    <message>
        <source>The program that keeps runs is gone: %1. Another one takes its place.</source>
        <translation>保管运行的程序已消失：%1。由另一个接替。</translation>
    </message>
    <message>
        <source>The program that keeps runs is there, as process %1.</source>
        <translation>保管运行的程序已就绪，进程号 %1。</translation>
    </message>
    <message>
        <source>%1 trusts this text of %2.</source>
        <translation>%1信任 %2 的这段文字。</translation>
    </message>
    <message>
        <source>%1 removed the private home of %2 for the policy %3, with %4 in it.</source>
        <translation>%1删除了%2的私有主目录（策略 %3），其中有 %4。</translation>
    </message>
    <message>
        <source>The state was kept as it was after fact %1.</source>
        <translation>已保存第 %1 条事实之后的状态。</translation>
    </message>
    <message>
        <source>Facts up to %1 were removed because of their age; the chain goes on from their head %2.</source>
        <translation>第 %1 条及之前的事实因时间过久已移除；链从其头部 %2 继续。</translation>
    </message>
    <message>
        <source>Nothing can be recorded: %1. Agents are held, and nothing is started or allowed.</source>
        <translation>无法记录：%1。智能体已暂停，不启动也不允许任何事。</translation>
    </message>
    <message>
        <source>It can be recorded again what happens.</source>
        <translation>可以重新记录所发生的事。</translation>
    </message>
    <message>
        <source>Nobody</source>
        <translation>没有人</translation>
    </message>
    <message>
        <source>User %1</source>
        <translation>用户 %1</translation>
    </message>
    <message>
        <source>unknown</source>
        <translation>未知</translation>
    </message>
    <message>
        <source>%1 ms</source>
        <translation>%1 毫秒</translation>
    </message>
    <message>
        <source>%1 s</source>
        <translation>%1 秒</translation>
    </message>
    <message>
        <source>%1 min</source>
        <translation>%1 分钟</translation>
    </message>
    <message>
        <source>more than can be counted</source>
        <translation>多得无法计数</translation>
    </message>
    <message>
        <source>the daemon started</source>
        <translation>守护进程启动</translation>
    </message>
    <message>
        <source>the daemon ended</source>
        <translation>守护进程退出</translation>
    </message>
    <message>
        <source>an agent was admitted</source>
        <translation>智能体获准</translation>
    </message>
    <message>
        <source>a fence was built</source>
        <translation>围栏建成</translation>
    </message>
    <message>
        <source>an agent started</source>
        <translation>智能体启动</translation>
    </message>
    <message>
        <source>a start was refused</source>
        <translation>启动被拒绝</translation>
    </message>
    <message>
        <source>an agent was paused</source>
        <translation>智能体被暂停</translation>
    </message>
    <message>
        <source>an agent went on</source>
        <translation>智能体继续</translation>
    </message>
    <message>
        <source>an agent was told to end</source>
        <translation>要求智能体停止</translation>
    </message>
    <message>
        <source>an agent ended</source>
        <translation>智能体结束</translation>
    </message>
    <message>
        <source>a difference was found</source>
        <translation>发现差异</translation>
    </message>
    <message>
        <source>an agent was found again</source>
        <translation>重新找到智能体</translation>
    </message>
    <message>
        <source>the keeper of runs was lost</source>
        <translation>运行保管程序丢失</translation>
    </message>
    <message>
        <source>the keeper of runs was ready</source>
        <translation>运行保管程序就绪</translation>
    </message>
    <message>
        <source>a policy was trusted</source>
        <translation>策略获得信任</translation>
    </message>
    <message>
        <source>a private home was removed</source>
        <translation>私有主目录被删除</translation>
    </message>
    <message>
        <source>the state was kept</source>
        <translation>状态已保存</translation>
    </message>
    <message>
        <source>old facts were removed</source>
        <translation>旧事实已移除</translation>
    </message>
    <message>
        <source>nothing could be recorded</source>
        <translation>无法记录</translation>
    </message>
    <message>
        <source>recording went on</source>
        <translation>恢复记录</translation>
    </message>
    <message numerus="yes">
        <source>%1 (%n times)</source>
        <translation>
            <numerusform>%1（%n 次）</numerusform>
        </translation>
    </message>
    <message>
        <source>the guard of files and programs</source>
        <translation>文件与程序守卫</translation>
    </message>
    <message>
        <source>the guard of the network</source>
        <translation>网络守卫</translation>
    </message>
    <message>
        <source>the guard “%1”</source>
        <translation>守卫“%1”</translation>
    </message>
    <message>
        <source>question %1</source>
        <translation>请求 %1</translation>
    </message>
    <message>
        <source>question %1, to %2</source>
        <translation>请求 %1：%2</translation>
    </message>
    <message>
        <source>It wants to %1. A person is asked: question %2.</source>
        <translation>它想%1。正在询问用户：请求 %2。</translation>
    </message>
    <message>
        <source>It asked the same again; one answer is for both: %1.</source>
        <translation>它再次提出相同请求；一个回答同时适用：%1。</translation>
    </message>
    <message>
        <source>A call no longer waits for an answer: %1. Why: %2.</source>
        <translation>有一个调用不再等待回答：%1。原因：%2。</translation>
    </message>
    <message>
        <source>once</source>
        <translation>一次</translation>
    </message>
    <message>
        <source>for this run</source>
        <translation>用于本次运行</translation>
    </message>
    <message>
        <source>for this project</source>
        <translation>用于本项目</translation>
    </message>
    <message>
        <source>always</source>
        <translation>始终</translation>
    </message>
    <message>
        <source>%1 allowed it %2: %3.</source>
        <translation>%1允许了（%2）：%3。</translation>
    </message>
    <message>
        <source>%1 denied it: %2.</source>
        <translation>%1拒绝了：%2。</translation>
    </message>
    <message>
        <source>%1 denied it: %2. The agent is told: %3</source>
        <translation>%1拒绝了：%2。告知智能体：%3</translation>
    </message>
    <message>
        <source>%1 had something else done in its place: %2.</source>
        <translation>%1改为执行别的：%2。</translation>
    </message>
    <message>
        <source>Nobody answered in time, so it was denied once: %1.</source>
        <translation>无人及时回答，本次予以拒绝：%1。</translation>
    </message>
    <message>
        <source>It ended without an answer, because of a stop: %1.</source>
        <translation>因停止而未获回答：%1。</translation>
    </message>
    <message>
        <source>The agent does not ask any more: %1.</source>
        <translation>智能体不再请求：%1。</translation>
    </message>
    <message>
        <source>It was settled as “%1”: %2.</source>
        <translation>处理结果为“%1”：%2。</translation>
    </message>
    <message>
        <source>What was allowed has been done: %1.</source>
        <translation>获准的事已完成：%1。</translation>
    </message>
    <message>
        <source>What was allowed could not be done: %1. The system said: %2.</source>
        <translation>获准的事未能完成：%1。系统提示：%2。</translation>
    </message>
    <message>
        <source>It was not allowed to %1.</source>
        <translation>不允许它%1。</translation>
    </message>
    <message>
        <source>It was not allowed to %1: %2.</source>
        <translation>不允许它%1：%2。</translation>
    </message>
    <message>
        <source>other content</source>
        <translation>其他内容</translation>
    </message>
    <message>
        <source>It wanted to %1 and got in its place: %2.</source>
        <translation>它想%1，得到的是：%2。</translation>
    </message>
    <message>
        <source>A connection was opened to %1.</source>
        <translation>已建立到 %1 的连接。</translation>
    </message>
    <message>
        <source>It wanted to %1. %2 ended in the middle of it: whether it was done is not known.</source>
        <translation>它想%1。%2中途结束：是否完成未知。</translation>
    </message>
    <message numerus="yes">
        <source>%n questions were denied without asking a person: %1. The first was to %2.</source>
        <translation>
            <numerusform>未询问用户即拒绝了 %n 个请求：%1。第一个是%2。</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>%n actions were allowed by the policy, among them: %1.</source>
        <translation>
            <numerusform>策略允许了 %n 个操作，其中有：%1。</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>%n records were told faster than they may come into the log, by %1; they are not in it.</source>
        <translation>
            <numerusform>%1 上报的 %n 条记录超过日志允许的速度；未写入日志。</numerusform>
        </translation>
    </message>
    <message>
        <source>%1 granted %2, from now on: %3 (grant %4).</source>
        <translation>%1授权%2，即刻生效：%3（授权 %4）。</translation>
    </message>
    <message>
        <source>%1 took grant %2 back.</source>
        <translation>%1收回了授权 %2。</translation>
    </message>
    <message>
        <source>Grant %1 ended: %2.</source>
        <translation>授权 %1 已失效：%2。</translation>
    </message>
    <message>
        <source>Another one took the place of %1, as process %2.</source>
        <translation>另一个接替了%1，进程号 %2。</translation>
    </message>
    <message>
        <source>On guard from now on: %1, as process %2.</source>
        <translation>开始值守：%1，进程号 %2。</translation>
    </message>
    <message>
        <source>A guard was lost: %1. Why: %2.</source>
        <translation>守卫丢失：%1。原因：%2。</translation>
    </message>
    <message>
        <source>New rules are in force: %1 goes by them.</source>
        <translation>新规则生效：%1按其执行。</translation>
    </message>
    <message numerus="yes">
        <source>%1 %n connections ended because of them.</source>
        <translation>
            <numerusform>%1 因此结束了 %n 个连接。</numerusform>
        </translation>
    </message>
    <message>
        <source>%1:%2, sent %3, received %4</source>
        <translation>%1:%2，发送 %3，接收 %4</translation>
    </message>
    <message>
        <source>Its traffic so far: %1.</source>
        <translation>目前的流量：%1。</translation>
    </message>
    <message numerus="yes">
        <source>%n connections were kept open for %1 while it was paused.</source>
        <translation>
            <numerusform>暂停期间为 %1 保持了 %n 个连接。</numerusform>
        </translation>
    </message>
    <message>
        <source>read %1</source>
        <translation>读取 %1</translation>
    </message>
    <message>
        <source>change %1 and %2</source>
        <translation>更改 %1 和 %2</translation>
    </message>
    <message>
        <source>write %1</source>
        <translation>写入 %1</translation>
    </message>
    <message>
        <source>run %1</source>
        <translation>运行 %1</translation>
    </message>
    <message>
        <source>connect to %1</source>
        <translation>连接 %1</translation>
    </message>
    <message>
        <source>do “%1” with %2</source>
        <translation>对 %2 执行“%1”</translation>
    </message>
    <message>
        <source>a question was asked</source>
        <translation>提出请求</translation>
    </message>
    <message>
        <source>a question was repeated</source>
        <translation>重复请求</translation>
    </message>
    <message>
        <source>a call stopped waiting</source>
        <translation>调用停止等待</translation>
    </message>
    <message>
        <source>a question was settled</source>
        <translation>请求已处理</translation>
    </message>
    <message>
        <source>an allowed action was done</source>
        <translation>获准的操作已完成</translation>
    </message>
    <message>
        <source>an action was denied</source>
        <translation>操作被拒绝</translation>
    </message>
    <message>
        <source>an action was changed</source>
        <translation>操作被更改</translation>
    </message>
    <message>
        <source>a connection was opened</source>
        <translation>建立连接</translation>
    </message>
    <message>
        <source>an outcome is unknown</source>
        <translation>结果未知</translation>
    </message>
    <message>
        <source>questions were refused</source>
        <translation>请求被拒绝受理</translation>
    </message>
    <message>
        <source>actions were allowed</source>
        <translation>操作被允许</translation>
    </message>
    <message>
        <source>records were left out</source>
        <translation>略去记录</translation>
    </message>
    <message>
        <source>a grant was given</source>
        <translation>给予授权</translation>
    </message>
    <message>
        <source>a grant was taken back</source>
        <translation>收回授权</translation>
    </message>
    <message>
        <source>a grant ended</source>
        <translation>授权失效</translation>
    </message>
    <message>
        <source>a guard started</source>
        <translation>守卫启动</translation>
    </message>
    <message>
        <source>a guard was lost</source>
        <translation>守卫丢失</translation>
    </message>
    <message>
        <source>new rules came into force</source>
        <translation>新规则生效</translation>
    </message>
    <message>
        <source>traffic was counted</source>
        <translation>统计流量</translation>
    </message>
    <message>
        <source>connections were kept open</source>
        <translation>保持连接</translation>
    </message>
    <message>
        <source>The governor took %1 of its memory back: %2.</source>
        <translation>资源调控收回了它的 %1 内存：%2。</translation>
    </message>
    <message>
        <source>The governor slowed its writes to %1 a second: %2.</source>
        <translation>资源调控将其写入限制为每秒 %1：%2。</translation>
    </message>
    <message>
        <source>The governor lets it write at full speed again: %1.</source>
        <translation>资源调控让它恢复全速写入：%1。</translation>
    </message>
    <message>
        <source>The governor put its model call off: %1.</source>
        <translation>资源调控推迟了它的模型调用：%1。</translation>
    </message>
    <message>
        <source>The governor restrained it (%1): %2.</source>
        <translation>资源调控限制了它（%1）：%2。</translation>
    </message>
    <message>
        <source>Being ended cost it %1; this had been thought to cost %2.</source>
        <translation>被结束的代价为 %1；此前估计为 %2。</translation>
    </message>
    <message>
        <source>Being paused for %1 cost it %2; this had been thought to cost %3.</source>
        <translation>暂停 %1 的代价为 %2；此前估计为 %3。</translation>
    </message>
    <message>
        <source>It stood still %1 after the order.</source>
        <translation>下令后 %1 即完全停住。</translation>
    </message>
    <message>
        <source>It went on %1 after it was let go.</source>
        <translation>放行后 %1 恢复运行。</translation>
    </message>
    <message>
        <source>It read %1 pages of memory back.</source>
        <translation>它重新读回了 %1 页内存。</translation>
    </message>
    <message>
        <source>Of its %1 connections %2 broke.</source>
        <translation>它的 %1 个连接中断开了 %2 个。</translation>
    </message>
    <message>
        <source>Its last safe point was %1 before.</source>
        <translation>此前 %1 是它的上一个安全点。</translation>
    </message>
    <message>
        <source>Alarm (%1): %2.</source>
        <translation>警报（%1）：%2。</translation>
    </message>
    <message>
        <source>It may use the device %1, up to %2 % of it.</source>
        <translation>可以使用设备 %1，最多 %2 %。</translation>
    </message>
    <message>
        <source>It no longer has the device %1.</source>
        <translation>不再拥有设备 %1。</translation>
    </message>
    <message>
        <source>It reached the limit “%1”: %2.</source>
        <translation>达到上限“%1”：%2。</translation>
    </message>
    <message>
        <source>EMERGENCY STOP (%1): %2.</source>
        <translation>紧急停止（%1）：%2。</translation>
    </message>
    <message numerus="yes">
        <source>%n agents</source>
        <translation>
            <numerusform>%n 个智能体</numerusform>
        </translation>
    </message>
    <message>
        <source>EMERGENCY STOP (%1): it ended %2 in %3.</source>
        <translation>紧急停止（%1）：%3 内结束了%2。</translation>
    </message>
    <message>
        <source>EMERGENCY STOP (%1): of %2 it ended %3 in %4, as whoever owns them asked, and froze the others.</source>
        <translation>紧急停止（%1）：%4 内在%2中按其所有者的要求结束了 %3 个，并冻结了其余的。</translation>
    </message>
    <message>
        <source>EMERGENCY STOP (%1): it froze %2 in %3; that nothing runs was checked.</source>
        <translation>紧急停止（%1）：%3 内冻结了%2；已核实没有任何进程在运行。</translation>
    </message>
    <message>
        <source>EMERGENCY STOP (%1): it froze %2 in %3; something was still finishing.</source>
        <translation>紧急停止（%1）：%3 内冻结了%2；仍有调用正在完成。</translation>
    </message>
    <message>
        <source>%1 said that there is no emergency any more.</source>
        <translation>%1宣布紧急状态解除。</translation>
    </message>
    <message>
        <source>Agents can be started and resumed again; none is by this.</source>
        <translation>可以重新启动和继续智能体；此操作本身不会让任何智能体继续。</translation>
    </message>
    <message numerus="yes">
        <source>%1 and %n tokens</source>
        <translation>
            <numerusform>%1 和 %n 个词元</numerusform>
        </translation>
    </message>
    <message>
        <source>an agent was restrained</source>
        <translation>智能体受到限制</translation>
    </message>
    <message>
        <source>an interruption was measured</source>
        <translation>测得中断代价</translation>
    </message>
    <message>
        <source>an alarm was raised</source>
        <translation>发出警报</translation>
    </message>
    <message>
        <source>a device was lent</source>
        <translation>借出设备</translation>
    </message>
    <message>
        <source>a device came back</source>
        <translation>归还设备</translation>
    </message>
    <message>
        <source>a limit was reached</source>
        <translation>达到上限</translation>
    </message>
    <message>
        <source>an emergency stop</source>
        <translation>紧急停止</translation>
    </message>
    <message>
        <source>the end of an emergency</source>
        <translation>紧急状态解除</translation>
    </message>
    <message>
        <source>starts are possible again</source>
        <translation>可以重新启动</translation>
    </message>
    <message>
        <source>allowed</source>
        <translation>已允许</translation>
    </message>
    <message>
        <source>asked</source>
        <translation>已询问</translation>
    </message>
    <message>
        <source>denied</source>
        <translation>已拒绝</translation>
    </message>
    <message>
        <source>changed</source>
        <translation>已更改</translation>
    </message>
    <message>
        <source>not answered in time</source>
        <translation>未及时回答</translation>
    </message>
    <message>
        <source>stopped</source>
        <translation>已停止</translation>
    </message>
    <message>
        <source>withdrawn</source>
        <translation>已撤回</translation>
    </message>
    <message>
        <source>“%1”, which this panel does not know: %2</source>
        <translation>“%1”，此面板不认识：%2</translation>
    </message>
    <message>
        <source>%1 tokens in and %2 out of %3</source>
        <translation>%3 的 %1 个输入词元和 %2 个输出词元</translation>
    </message>
    <message>
        <source>a model</source>
        <translation>某个模型</translation>
    </message>
    <message>
        <source>%1, for US$ %2</source>
        <translation>%1，费用 %2 美元</translation>
    </message>
    <message>
        <source>Its agent reports that it used something, and not what.</source>
        <translation>其智能体报告使用了资源，但未说明是什么。</translation>
    </message>
    <message>
        <source>Its agent reports that it used %1.</source>
        <translation>其智能体报告使用了 %1。</translation>
    </message>
    <message>
        <source>an agent told what it used</source>
        <translation>智能体报告了用量</translation>
    </message>
    <message>
        <source>%1, for about US$ %2 by list prices</source>
        <translation>%1，按目录价约 %2 美元</translation>
    </message>
    <message>
        <source>Answers that it got over the network state that it used %1.</source>
        <translation>它从网络收到的应答说明它用了 %1。</translation>
    </message>
    <message>
        <source>an answer told what was used</source>
        <translation>某个应答说明了用量</translation>
    </message>
    <message>
        <source>It comes near the end of “%1”: %2.</source>
        <translation>它接近“%1”的上限：%2。</translation>
    </message>
    <message>
        <source>US$ %1</source>
        <translation>%1 美元</translation>
    </message>
    <message>
        <source>%1 gave it %2 more at the end of “%3”: that ends at %4 now.</source>
        <translation>%1 在“%3”用完时又给了它 %2：现在的上限是 %4。</translation>
    </message>
    <message>
        <source>a budget was made longer</source>
        <translation>预算被延长</translation>
    </message>
    <message>
        <source>%1 pauses it, at a moment of its agent&apos;s own, within %2 at the latest: %3.</source>
        <translation>%1要暂停它：由其智能体选定时刻，最迟在 %2 内：%3。</translation>
    </message>
    <message>
        <source>a pause was asked for that comes later</source>
        <translation>已要求暂停，稍后生效</translation>
    </message>
    <message>
        <source>Agents may use every processor again: %1.</source>
        <translation>智能体又可以使用所有处理器：%1。</translation>
    </message>
    <message numerus="yes">
        <source>Agents of the background leave %n processors to your programs: %1.</source>
        <translation>
            <numerusform>后台智能体为您的程序留出 %n 个处理器：%1。</numerusform>
        </translation>
    </message>
    <message>
        <source>processors were kept free, or not any more</source>
        <translation>处理器被留出，或不再留出</translation>
    </message>
</context>
<context>
    <name>Figures</name>
    <message>
        <source>unknown</source>
        <translation>未知</translation>
    </message>
    <message>
        <source>%1 %</source>
        <comment>percent</comment>
        <translation>%1 %</translation>
    </message>
    <message>
        <source>%1/s</source>
        <comment>bytes a second</comment>
        <translation>%1/秒</translation>
    </message>
    <message>
        <source>%1 W</source>
        <comment>watts</comment>
        <translation>%1 瓦</translation>
    </message>
    <message>
        <source>%1 s</source>
        <comment>seconds</comment>
        <translation>%1 秒</translation>
    </message>
    <message>
        <source>%1 min</source>
        <comment>minutes</comment>
        <translation>%1 分钟</translation>
    </message>
    <message>
        <source>%1 h %2 min</source>
        <comment>hours, minutes</comment>
        <translation>%1 小时 %2 分钟</translation>
    </message>
    <message>
        <source>%1 d</source>
        <comment>days</comment>
        <translation>%1 天</translation>
    </message>
</context>
<context>
    <name>LastAction</name>
    <message>
        <source>Asked to read %1</source>
        <translation>请求读取 %1</translation>
    </message>
    <message>
        <source>Asked to write %1</source>
        <translation>请求写入 %1</translation>
    </message>
    <message>
        <source>Asked to run %1</source>
        <translation>请求运行 %1</translation>
    </message>
    <message>
        <source>Asked to connect to %1</source>
        <translation>请求连接 %1</translation>
    </message>
    <message>
        <source>Read %1</source>
        <translation>读取了 %1</translation>
    </message>
    <message>
        <source>Wrote %1</source>
        <translation>写入了 %1</translation>
    </message>
    <message>
        <source>Ran %1</source>
        <translation>运行了 %1</translation>
    </message>
    <message>
        <source>Connected to %1</source>
        <translation>连接了 %1</translation>
    </message>
    <message>
        <source>Was not let read %1</source>
        <translation>未获准读取 %1</translation>
    </message>
    <message>
        <source>Was not let write %1</source>
        <translation>未获准写入 %1</translation>
    </message>
    <message>
        <source>Was not let run %1</source>
        <translation>未获准运行 %1</translation>
    </message>
    <message>
        <source>Was not let connect to %1</source>
        <translation>未获准连接 %1</translation>
    </message>
</context>
<context>
    <name>LaunchChoices</name>
    <message>
        <source>Name the agent or command to start.</source>
        <translation>请填写要启动的智能体或命令。</translation>
    </message>
    <message>
        <source>Choose a policy: it says what the agent may do.</source>
        <translation>请选择策略：它规定智能体可以做什么。</translation>
    </message>
    <message>
        <source>Choose the folder that the agent works in.</source>
        <translation>请选择智能体工作的文件夹。</translation>
    </message>
    <message>
        <source>There is no folder %1.</source>
        <translation>没有文件夹 %1。</translation>
    </message>
</context>
<context>
    <name>NoticeWords</name>
    <message>
        <source>%1 is paused and waits for you</source>
        <translation>%1 已暂停，等待您的处理</translation>
    </message>
    <message>
        <source>It wants to read a file.</source>
        <translation>它想读取一个文件。</translation>
    </message>
    <message>
        <source>It wants to change a file.</source>
        <translation>它想更改一个文件。</translation>
    </message>
    <message>
        <source>It wants to run a program.</source>
        <translation>它想运行一个程序。</translation>
    </message>
    <message>
        <source>It wants to connect to a network address.</source>
        <translation>它想连接一个网络地址。</translation>
    </message>
    <message>
        <source>It wants to call a tool.</source>
        <translation>它想调用一个工具。</translation>
    </message>
    <message>
        <source>It has a question.</source>
        <translation>它有一个请求。</translation>
    </message>
    <message>
        <source>%1 waits for your answer</source>
        <translation>%1 等待您的回答</translation>
    </message>
    <message>
        <source>Review</source>
        <translation>查看</translation>
    </message>
    <message>
        <source>Deny this one</source>
        <translation>拒绝这一个</translation>
    </message>
    <message>
        <source>Deny</source>
        <translation>拒绝</translation>
    </message>
    <message>
        <source>Pause agent</source>
        <translation>暂停智能体</translation>
    </message>
    <message>
        <source>Every agent stands still, stopped by: %1. Nothing goes on until somebody re-arms.</source>
        <translation>所有智能体都已停住，触发来源：%1。在有人重新启用之前，什么都不会继续。</translation>
    </message>
    <message>
        <source>Every agent stands still. Nothing goes on until somebody re-arms.</source>
        <translation>所有智能体都已停住。在有人重新启用之前，什么都不会继续。</translation>
    </message>
    <message>
        <source>Emergency stop</source>
        <translation>紧急停止</translation>
    </message>
    <message>
        <source>Open panel</source>
        <translation>打开面板</translation>
    </message>
    <message>
        <source>Ringfence could not do that</source>
        <translation>Ringfence 未能执行</translation>
    </message>
    <message>
        <source>It wants to %1.</source>
        <translation>它想要%1。</translation>
    </message>
    <message numerus="yes">
        <source>More questions of it: %n.</source>
        <translation>
            <numerusform>它还有 %n 个问题。</numerusform>
        </translation>
    </message>
</context>
<context>
    <name>Phrase</name>
    <message numerus="yes">
        <source>Choose at least %n characters.</source>
        <translation>
            <numerusform>请至少输入 %n 个字符。</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>Choose at most %n characters.</source>
        <translation>
            <numerusform>请最多输入 %n 个字符。</numerusform>
        </translation>
    </message>
    <message>
        <source>Choose letters, digits and signs that can be seen.</source>
        <translation>请使用可见的字母、数字和符号。</translation>
    </message>
    <message>
        <source>Your phrase cannot be read: %1 (%2)</source>
        <translation>无法读取您的口令：%1（%2）</translation>
    </message>
    <message>
        <source>Your phrase does not count: others may read or change %1. Choose a new one in the settings.</source>
        <translation>您的口令无效：他人可以读取或更改 %1。请在设置中另选一个。</translation>
    </message>
    <message>
        <source>What is in %1 is no phrase. Choose a new one in the settings.</source>
        <translation>%1 中的内容不是口令。请在设置中另选一个。</translation>
    </message>
    <message>
        <source>Your phrase cannot be kept: %1 (%2)</source>
        <translation>无法保存您的口令：%1（%2）</translation>
    </message>
</context>
<context>
    <name>QuestionWords</name>
    <message>
        <source>delete %1</source>
        <translation>删除 %1</translation>
    </message>
    <message>
        <source>rename something to %1</source>
        <translation>将某项重命名为 %1</translation>
    </message>
    <message>
        <source>rename %1</source>
        <translation>重命名 %1</translation>
    </message>
    <message>
        <source>rename %1 to %2</source>
        <translation>将 %1 重命名为 %2</translation>
    </message>
    <message>
        <source>make the folder %1</source>
        <translation>创建文件夹 %1</translation>
    </message>
    <message>
        <source>make a link at %1</source>
        <translation>在 %1 创建链接</translation>
    </message>
    <message>
        <source>link %1 at %2</source>
        <translation>在 %2 创建指向 %1 的链接</translation>
    </message>
    <message>
        <source>change who may use %1</source>
        <translation>更改 %1 的使用权限</translation>
    </message>
    <message>
        <source>change the owner of %1</source>
        <translation>更改 %1 的所有者</translation>
    </message>
    <message>
        <source>cut off the content of %1</source>
        <translation>截断 %1 的内容</translation>
    </message>
    <message>
        <source>make the node %1</source>
        <translation>创建节点 %1</translation>
    </message>
    <message>
        <source>change attributes of %1</source>
        <translation>更改 %1 的属性</translation>
    </message>
    <message>
        <source>make a socket at %1</source>
        <translation>在 %1 创建套接字</translation>
    </message>
    <message>
        <source>write to %1</source>
        <translation>写入 %1</translation>
    </message>
    <message>
        <source>read %1</source>
        <translation>读取 %1</translation>
    </message>
    <message>
        <source>run %1</source>
        <translation>运行 %1</translation>
    </message>
    <message>
        <source>connect to %1</source>
        <translation>连接 %1</translation>
    </message>
    <message>
        <source>call the tool %1</source>
        <translation>调用工具 %1</translation>
    </message>
    <message>
        <source>call the tool %1 with %2</source>
        <translation>以 %2 调用工具 %1</translation>
    </message>
    <message>
        <source>do what this program does not know (is it older than the daemon?): %1</source>
        <translation>执行此程序不认识的操作（它比守护进程旧吗？）：%1</translation>
    </message>
    <message numerus="yes">
        <source>%1… (%n more characters, shown below)</source>
        <translation>
            <numerusform>%1…（还有 %n 个字符，见下文）</numerusform>
        </translation>
    </message>
    <message>
        <source>    program: %1</source>
        <translation>    程序：%1</translation>
    </message>
    <message>
        <source>    in: %1</source>
        <translation>    目录：%1</translation>
    </message>
    <message>
        <source>    by: %1</source>
        <translation>    方式：%1</translation>
    </message>
    <message>
        <source>%1 (run %2)</source>
        <translation>%1（运行 %2）</translation>
    </message>
    <message>
        <source>%1 (run %2, project %3)</source>
        <translation>%1（运行 %2，项目 %3）</translation>
    </message>
    <message numerus="yes">
        <source>%1 wants %n things at once</source>
        <translation>
            <numerusform>%1 同时请求 %n 件事</numerusform>
        </translation>
    </message>
    <message>
        <source>%1 wants to %2</source>
        <translation>%1 想%2</translation>
    </message>
    <message numerus="yes">
        <source>%1, and %n more</source>
        <translation>
            <numerusform>%1，以及另外 %n 项</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>and %n more that are not shown here</source>
        <translation>
            <numerusform>以及另外 %n 项，此处未显示</numerusform>
        </translation>
    </message>
    <message>
        <source>No rule covers this.</source>
        <translation>没有规则涉及此事。</translation>
    </message>
    <message>
        <source>The rule says: “%1”</source>
        <translation>规则说明：“%1”</translation>
    </message>
    <message>
        <source>“%1” (%2)</source>
        <translation>“%1”（%2）</translation>
    </message>
    <message>
        <source>%1, started by %2</source>
        <translation>%1，由 %2 启动</translation>
    </message>
    <message>
        <source>not known</source>
        <translation>未知</translation>
    </message>
    <message>
        <source>Processes choose these names themselves.</source>
        <translation>这些名称由进程自己选定。</translation>
    </message>
    <message>
        <source>Can be undone.</source>
        <translation>可以撤销。</translation>
    </message>
    <message>
        <source>Cannot be undone by Ringfence.</source>
        <translation>Ringfence 无法撤销。</translation>
    </message>
    <message>
        <source>Leaves this machine: nobody can take it back.</source>
        <translation>会离开本机：无法收回。</translation>
    </message>
    <message>
        <source>Whether it can be undone is not known.</source>
        <translation>能否撤销未知。</translation>
    </message>
    <message numerus="yes">
        <source>The %n calls that wait for this same answer.</source>
        <translation>
            <numerusform>等待同一回答的 %n 个调用。</numerusform>
        </translation>
    </message>
    <message>
        <source>Nothing: this one call alone.</source>
        <translation>没有别的：只有这一个调用。</translation>
    </message>
    <message numerus="yes">
        <source>All %n things of this card, and nothing else.</source>
        <translation>
            <numerusform>此卡片上的全部 %n 件事，仅此而已。</numerusform>
        </translation>
    </message>
    <message>
        <source>Reading it, and everything below it, without a question.</source>
        <translation>读取它及其下的一切，不再询问。</translation>
    </message>
    <message>
        <source>Every change of it, and of everything below it, without a question.</source>
        <translation>对它及其下一切的更改，不再询问。</translation>
    </message>
    <message>
        <source>The same program with the same arguments, without a question.</source>
        <translation>以相同参数运行同一程序，不再询问。</translation>
    </message>
    <message>
        <source>Every connection to the same host and port, without a question.</source>
        <translation>到同一主机和端口的所有连接，不再询问。</translation>
    </message>
    <message>
        <source>Every call of the same tool, whatever its input, without a question.</source>
        <translation>对同一工具的所有调用，无论输入为何，不再询问。</translation>
    </message>
    <message>
        <source>This program does not know.</source>
        <translation>此程序不了解。</translation>
    </message>
    <message>
        <source>Waits; since when is not known.</source>
        <translation>正在等待；开始时间未知。</translation>
    </message>
    <message>
        <source>Waits for %1.</source>
        <translation>已等待 %1。</translation>
    </message>
    <message>
        <source>If nobody answers it is denied, this once.</source>
        <translation>无人回答则本次拒绝。</translation>
    </message>
    <message>
        <source>Denied, this once, in %1 if nobody answers.</source>
        <translation>%1 后无人回答则本次拒绝。</translation>
    </message>
    <message>
        <source>Once</source>
        <translation>一次</translation>
    </message>
    <message>
        <source>This run</source>
        <translation>本次运行</translation>
    </message>
    <message>
        <source>This project</source>
        <translation>本项目</translation>
    </message>
    <message>
        <source>Always</source>
        <translation>始终</translation>
    </message>
    <message>
        <source>Unknown</source>
        <translation>未知</translation>
    </message>
    <message>
        <source>Allowed</source>
        <translation>已允许</translation>
    </message>
    <message>
        <source>Denied</source>
        <translation>已拒绝</translation>
    </message>
    <message>
        <source>Done differently</source>
        <translation>改为其他做法</translation>
    </message>
    <message>
        <source>Missed: nobody answered in time</source>
        <translation>错过：无人及时回答</translation>
    </message>
    <message>
        <source>Ended: the run was stopped</source>
        <translation>结束：运行已停止</translation>
    </message>
    <message>
        <source>Ended: nobody waits for the answer any more</source>
        <translation>结束：已无人等待回答</translation>
    </message>
    <message>
        <source>Settled in a way that this program does not know</source>
        <translation>以此程序不认识的方式处理</translation>
    </message>
    <message>
        <source>Nothing can be allowed in a window now: %1. Answer on a text console or over ssh, where no agent types:</source>
        <translation>现在无法在窗口中允许任何事：%1。请在没有智能体输入的文本控制台或 ssh 中回答：</translation>
    </message>
    <message>
        <source>Not all of this card fits here, so it cannot be allowed here. Look at it in a terminal:</source>
        <translation>此卡片内容无法完整显示，因此不能在这里允许。请在终端中查看：</translation>
    </message>
    <message>
        <source>This program does not know what would be allowed, so it cannot be allowed here. In a terminal:</source>
        <translation>此程序不了解将允许什么，因此不能在这里允许。请在终端中：</translation>
    </message>
    <message>
        <source>%1 s</source>
        <translation>%1 秒</translation>
    </message>
    <message>
        <source>%1 min</source>
        <translation>%1 分钟</translation>
    </message>
    <message>
        <source>%1 h %2 min</source>
        <translation>%1 小时 %2 分钟</translation>
    </message>
    <message>
        <source>%1 d %2 h</source>
        <translation>%1 天 %2 小时</translation>
    </message>
</context>
<context>
    <name>Rewriting</name>
    <message>
        <source>The first argument names the program.</source>
        <translation>第一个参数是程序名。</translation>
    </message>
    <message>
        <source>Nothing is changed yet.</source>
        <translation>尚未更改。</translation>
    </message>
    <message>
        <source>The content is longer than 1 MiB.</source>
        <translation>内容超过 1 MiB。</translation>
    </message>
    <message>
        <source>The path must begin with “/”.</source>
        <translation>路径必须以“/”开头。</translation>
    </message>
    <message>
        <source>The path is too long.</source>
        <translation>路径太长。</translation>
    </message>
    <message>
        <source>Say a host, or a host and a port: “mirror.example.org:443”.</source>
        <translation>请填写主机，或主机和端口：“mirror.example.org:443”。</translation>
    </message>
    <message>
        <source>This program does not know what is wanted, so it cannot change it.</source>
        <translation>此程序不了解所请求的内容，因此无法更改。</translation>
    </message>
</context>
<context>
    <name>RunActs</name>
    <message>
        <source>%1 is paused.</source>
        <translation>%1 已暂停。</translation>
    </message>
    <message>
        <source>%1 goes on.</source>
        <translation>%1 继续运行。</translation>
    </message>
    <message>
        <source>%1 was asked to end, and is killed if it does not.</source>
        <translation>已要求 %1 停止；若不退出将被强制结束。</translation>
    </message>
    <message>
        <source>%1 was killed, with everything that it started.</source>
        <translation>%1 及其启动的一切已被强制结束。</translation>
    </message>
    <message>
        <source>Not done: %1</source>
        <translation>未执行：%1</translation>
    </message>
    <message>
        <source>%1 is paused as soon as it has finished something.</source>
        <translation>%1 完成手头的事后即暂停。</translation>
    </message>
</context>
<context>
    <name>RunWords</name>
    <message>
        <source>Paused by the governor: %1</source>
        <translation>被资源调控暂停：%1</translation>
    </message>
    <message>
        <source>Frozen by the emergency stop</source>
        <translation>被紧急停止冻结</translation>
    </message>
    <message>
        <source>Paused since before the daemon was restarted</source>
        <translation>自守护进程重启之前起一直暂停</translation>
    </message>
    <message>
        <source>Paused until its questions can be asked again: %1</source>
        <translation>已暂停，直到能再次提出它的请求：%1</translation>
    </message>
    <message>
        <source>Paused because nothing can be recorded: %1</source>
        <translation>因无法记录而暂停：%1</translation>
    </message>
    <message>
        <source>Paused by another program: %1</source>
        <translation>被其他程序暂停：%1</translation>
    </message>
    <message>
        <source>Paused by you</source>
        <translation>由您暂停</translation>
    </message>
    <message>
        <source>Paused by the user %1</source>
        <translation>由用户 %1 暂停</translation>
    </message>
    <message>
        <source>Paused</source>
        <translation>已暂停</translation>
    </message>
    <message>
        <source>Is ending</source>
        <translation>正在结束</translation>
    </message>
    <message>
        <source>Is starting</source>
        <translation>正在启动</translation>
    </message>
    <message numerus="yes">
        <source>Waits for your answer to %n question(s)</source>
        <translation>
            <numerusform>等待您回答 %n 个请求</numerusform>
        </translation>
    </message>
    <message>
        <source>Working</source>
        <translation>工作中</translation>
    </message>
    <message>
        <source>Weakened: %1</source>
        <translation>防护被削弱：%1</translation>
    </message>
    <message>
        <source>, </source>
        <comment>between names</comment>
        <translation>、</translation>
    </message>
    <message>
        <source>Alarm: %1</source>
        <translation>警报：%1</translation>
    </message>
    <message>
        <source>At a limit: %1</source>
        <translation>达到上限：%1</translation>
    </message>
    <message>
        <source>; </source>
        <comment>between warnings</comment>
        <translation>；</translation>
    </message>
    <message>
        <source>policy %1</source>
        <translation>策略 %1</translation>
    </message>
    <message>
        <source>for %1</source>
        <comment>duration</comment>
        <translation>已运行 %1</translation>
    </message>
    <message>
        <source> · </source>
        <comment>between facts of a run</comment>
        <translation> · </translation>
    </message>
    <message>
        <source>The agent says: “%1”</source>
        <translation>智能体说：“%1”</translation>
    </message>
    <message>
        <source>Paused because it asked as often as it may: %1</source>
        <translation>已暂停，因为它提问的次数已达上限：%1</translation>
    </message>
    <message>
        <source>at least US$ %1, an estimate by list prices</source>
        <translation>至少 %1 美元（按目录价估计）</translation>
    </message>
    <message>
        <source>about US$ %1, an estimate by list prices</source>
        <translation>约 %1 美元（按目录价估计）</translation>
    </message>
    <message>
        <source>at least US$ %1</source>
        <translation>至少 %1 美元</translation>
    </message>
    <message>
        <source>US$ %1</source>
        <translation>%1 美元</translation>
    </message>
    <message>
        <source>Budget “%1” nearly used up</source>
        <comment>limit of the policy</comment>
        <translation>预算“%1”即将用完</translation>
    </message>
    <message>
        <source>Budget “%1” used up</source>
        <comment>limit of the policy</comment>
        <translation>预算“%1”已用完</translation>
    </message>
    <message>
        <source>%1 tokens, as reported or seen</source>
        <translation>%1 个词元（据报告或所见）</translation>
    </message>
    <message>
        <source>You pause it: it finishes something first, for %1 at the longest</source>
        <comment>duration</comment>
        <translation>您正在暂停它：它先完成手头的事，最长 %1</translation>
    </message>
    <message>
        <source>The user %1 pauses it: it finishes something first, for %2 at the longest</source>
        <comment>user, duration</comment>
        <translation>用户 %1 正在暂停它：它先完成手头的事，最长 %2</translation>
    </message>
    <message>
        <source>Is being paused</source>
        <translation>正在暂停</translation>
    </message>
</context>
<context>
    <name>StandingWords</name>
    <message>
        <source>No agent runs.</source>
        <translation>没有智能体在运行。</translation>
    </message>
    <message>
        <source>STOPPED: every agent stands still until somebody re-arms.</source>
        <translation>已紧急停止：在有人重新启用之前，所有智能体都停住。</translation>
    </message>
    <message>
        <source>Ringfence&apos;s daemon cannot be reached. Agents stay inside their walls.</source>
        <translation>无法连接 Ringfence 守护进程。智能体仍在围栏之内。</translation>
    </message>
    <message numerus="yes">
        <source>Agents at work: %n.</source>
        <translation>
            <numerusform>正在工作的智能体：%n 个。</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>Agents paused: %n.</source>
        <translation>
            <numerusform>已暂停的智能体：%n 个。</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>Questions waiting for you: %n.</source>
        <translation>
            <numerusform>等待您回答的问题：%n 个。</numerusform>
        </translation>
    </message>
    <message>
        <source>Agents at work: %1, of them about to pause: %2.</source>
        <translation>正在工作的智能体：%1 个，其中 %2 个即将暂停。</translation>
    </message>
</context>
<context>
    <name>StopFacts</name>
    <message>
        <source>How much was stopped is not known.</source>
        <translation>不清楚停止了多少。</translation>
    </message>
    <message numerus="yes">
        <source>%n agent(s)</source>
        <translation>
            <numerusform>%n 个智能体</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>%n process(es)</source>
        <translation>
            <numerusform>%n 个进程</numerusform>
        </translation>
    </message>
    <message>
        <source>%1 with %2 were killed.</source>
        <translation>%1（%2）已被强制结束。</translation>
    </message>
    <message>
        <source>%1 with %2 stand still.</source>
        <translation>%1（%2）已停住。</translation>
    </message>
    <message>
        <source>Of %1 with %2, %3 were killed, as whoever owns them asked; the others stand still.</source>
        <translation>在%1（%2）中，按其所有者的要求强制结束了 %3 个；其余的已停住。</translation>
    </message>
    <message>
        <source>It took %1 ms.</source>
        <translation>用时 %1 毫秒。</translation>
    </message>
    <message>
        <source>The kernel was asked afterwards: nobody in any fence runs.</source>
        <translation>随后已向内核核实：围栏内没有任何进程在运行。</translation>
    </message>
    <message numerus="yes">
        <source>Not verified: %n process(es) were still inside a call that had begun before.</source>
        <translation>
            <numerusform>未能核实：有 %n 个进程仍在之前开始的调用中。</numerusform>
        </translation>
    </message>
    <message>
        <source>Not verified: not all was seen to stand still.</source>
        <translation>未能核实：没有看到全部停住。</translation>
    </message>
    <message>
        <source>Not everything was taken: %1.</source>
        <translation>并非全部生效：%1。</translation>
    </message>
    <message>
        <source>Trigger: %1, %2.</source>
        <translation>触发来源：%1，%2。</translation>
    </message>
</context>
<context>
    <name>Words</name>
    <message numerus="yes">
        <source>%1… (%n more characters)</source>
        <translation>
            <numerusform>%1…（还有 %n 个字符）</numerusform>
        </translation>
    </message>
    <message>
        <source>Ringfence&apos;s daemon cannot be reached: %1. Agents stay inside their walls; what they do is not known here until it is back.</source>
        <translation>无法连接 Ringfence 守护进程：%1。智能体仍在围栏之内；在它恢复之前，这里无法得知它们在做什么。</translation>
    </message>
    <message>
        <source>Ringfence&apos;s daemon does not answer. Agents stay inside their walls; what they do is not known here until it does. The emergency stop does not need it.</source>
        <translation>Ringfence 守护进程没有回应。智能体仍在围栏之内；在它回应之前，这里无法得知它们在做什么。紧急停止不依赖它。</translation>
    </message>
</context>
<context>
    <name>ringfence::ui::ActivityTab</name>
    <message>
        <source>What is shown</source>
        <translation>显示内容</translation>
    </message>
    <message>
        <source>Everything</source>
        <translation>全部</translation>
    </message>
    <message>
        <source>What it did and what was decided</source>
        <translation>它做了什么以及如何决定</translation>
    </message>
    <message>
        <source>Search what this agent did</source>
        <translation>搜索该智能体的活动</translation>
    </message>
    <message>
        <source>What this agent did</source>
        <translation>该智能体的活动</translation>
    </message>
    <message>
        <source>The chosen fact in full</source>
        <translation>所选记录的全部内容</translation>
    </message>
</context>
<context>
    <name>ringfence::ui::AgentPage</name>
    <message>
        <source>Pause</source>
        <translation>暂停</translation>
    </message>
    <message>
        <source>Stop</source>
        <translation>停止</translation>
    </message>
    <message>
        <source>What would an interruption cost?</source>
        <translation>中断的代价是多少？</translation>
    </message>
    <message>
        <source>Activity</source>
        <translation>活动</translation>
    </message>
    <message>
        <source>Network</source>
        <translation>网络</translation>
    </message>
    <message>
        <source>Resources</source>
        <translation>资源</translation>
    </message>
    <message>
        <source>Policy</source>
        <translation>策略</translation>
    </message>
    <message>
        <source>Output</source>
        <translation>输出</translation>
    </message>
    <message>
        <source>Agent</source>
        <translation>智能体</translation>
    </message>
    <message>
        <source>Choose an agent</source>
        <translation>选择一个智能体</translation>
    </message>
    <message>
        <source>About this agent</source>
        <translation>关于该智能体</translation>
    </message>
    <message>
        <source>State</source>
        <translation>状态</translation>
    </message>
    <message>
        <source>Walls</source>
        <translation>隔离墙</translation>
    </message>
    <message>
        <source>Result</source>
        <translation>结果</translation>
    </message>
    <message>
        <source>%1 (%2)</source>
        <translation>%1（%2）</translation>
    </message>
    <message>
        <source>%1, not running</source>
        <translation>%1，未运行</translation>
    </message>
    <message>
        <source>No agent is chosen.</source>
        <translation>未选择智能体。</translation>
    </message>
    <message>
        <source>Resume</source>
        <translation>继续</translation>
    </message>
    <message>
        <source>%1. %2</source>
        <translation>%1。%2</translation>
    </message>
    <message>
        <source>What became of this agent is not known: %1</source>
        <translation>该智能体的结果未知：%1</translation>
    </message>
    <message>
        <source>policy %1 · %2 · started %3 · ended %4
%5</source>
        <translation>策略 %1 · %2 · 开始于 %3 · 结束于 %4
%5</translation>
    </message>
    <message>
        <source>unknown</source>
        <translation>未知</translation>
    </message>
    <message>
        <source>Asking what an interruption would cost…</source>
        <translation>正在询问中断的代价…</translation>
    </message>
    <message>
        <source>Not known: %1</source>
        <translation>未知：%1</translation>
    </message>
    <message>
        <source>Let it go on</source>
        <translation>让它继续</translation>
    </message>
    <message>
        <source>Pause at once</source>
        <translation>立即暂停</translation>
    </message>
</context>
<context>
    <name>ringfence::ui::Bar</name>
    <message>
        <source>What is wrong</source>
        <translation>出了什么问题</translation>
    </message>
    <message>
        <source>What was done</source>
        <translation>执行结果</translation>
    </message>
    <message>
        <source>State of all agents: %1</source>
        <translation>全部智能体的状态：%1</translation>
    </message>
    <message numerus="yes">
        <source>%n question(s) wait for you</source>
        <translation>
            <numerusform>%n 个请求等待您</numerusform>
        </translation>
    </message>
    <message>
        <source>Whether questions wait is not known</source>
        <translation>不清楚是否有请求在等待</translation>
    </message>
    <message>
        <source>?</source>
        <comment>number of questions</comment>
        <translation>？</translation>
    </message>
    <message>
        <source>Hold to STOP</source>
        <translation>按住紧急停止</translation>
    </message>
    <message>
        <source>STOP all agents</source>
        <translation>紧急停止全部</translation>
    </message>
    <message>
        <source>Emergency stop</source>
        <translation>紧急停止</translation>
    </message>
    <message>
        <source>Hold it for a second: everything that agents run stands still at once, and stays so until you re-arm.</source>
        <translation>按住一秒：智能体运行的一切立即停住，直到您重新启用。</translation>
    </message>
    <message>
        <source>Everything that agents run stands still at once, and stays so until you re-arm.</source>
        <translation>智能体运行的一切立即停住，直到您重新启用。</translation>
    </message>
</context>
<context>
    <name>ringfence::ui::CardList</name>
    <message>
        <source>Agents</source>
        <translation>智能体</translation>
    </message>
</context>
<context>
    <name>ringfence::ui::CliProcess</name>
    <message>
        <source>The program ringfence is not installed.</source>
        <translation>未安装程序 ringfence。</translation>
    </message>
    <message>
        <source>It crashed.</source>
        <translation>它崩溃了。</translation>
    </message>
</context>
<context>
    <name>ringfence::ui::ConnectionsModel</name>
    <message>
        <source>Host and port</source>
        <translation>主机和端口</translation>
    </message>
    <message>
        <source>Connections</source>
        <translation>连接</translation>
    </message>
    <message>
        <source>Sent</source>
        <translation>发送</translation>
    </message>
    <message>
        <source>Received</source>
        <translation>接收</translation>
    </message>
    <message>
        <source>Last decision</source>
        <translation>最近决定</translation>
    </message>
    <message>
        <source>Rule</source>
        <translation>规则</translation>
    </message>
    <message>
        <source>Last time</source>
        <translation>最近时间</translation>
    </message>
</context>
<context>
    <name>ringfence::ui::DoctorPage</name>
    <message>
        <source>Check again</source>
        <translation>重新检查</translation>
    </message>
    <message>
        <source>Result</source>
        <translation>结果</translation>
    </message>
    <message>
        <source>What was looked at</source>
        <translation>检查项目</translation>
    </message>
    <message>
        <source>What was found</source>
        <translation>检查所见</translation>
    </message>
    <message>
        <source>Checks</source>
        <translation>检查</translation>
    </message>
    <message>
        <source>Start an agent…</source>
        <translation>启动智能体…</translation>
    </message>
    <message>
        <source>The check-up was cancelled.</source>
        <translation>检查已取消。</translation>
    </message>
    <message>
        <source>Cancel</source>
        <translation>取消</translation>
    </message>
    <message>
        <source>Looking at this machine…</source>
        <translation>正在检查本机…</translation>
    </message>
    <message>
        <source>The check-up failed: %1</source>
        <translation>检查失败：%1</translation>
    </message>
    <message>
        <source>Linux %1: everything that was looked at is well.</source>
        <translation>Linux %1：检查的各项均正常。</translation>
    </message>
    <message numerus="yes">
        <source>Linux %1: %n thing(s) need a look.</source>
        <translation>
            <numerusform>Linux %1：有 %n 项需要查看。</numerusform>
        </translation>
    </message>
    <message>
        <source>Well</source>
        <translation>正常</translation>
    </message>
    <message>
        <source>Needs a look</source>
        <translation>需要查看</translation>
    </message>
    <message>
        <source>No agent that is known was found on the PATH; any command can be started.</source>
        <translation>在 PATH 中没有找到已知的智能体；可以启动任何命令。</translation>
    </message>
    <message>
        <source>Agents on the PATH: %1.</source>
        <translation>PATH 中的智能体：%1。</translation>
    </message>
    <message>
        <source>, </source>
        <comment>between names</comment>
        <translation>、</translation>
    </message>
    <message>
        <source>Check-up</source>
        <translation>本机检查</translation>
    </message>
</context>
<context>
    <name>ringfence::ui::EditScreen</name>
    <message>
        <source>Back</source>
        <translation>返回</translation>
    </message>
    <message>
        <source>Do this instead, once</source>
        <translation>改为这样做，仅一次</translation>
    </message>
    <message>
        <source>Arguments of the command, one a row</source>
        <translation>命令的参数，每行一个</translation>
    </message>
    <message>
        <source>Add an argument</source>
        <translation>添加参数</translation>
    </message>
    <message>
        <source>Remove</source>
        <translation>移除</translation>
    </message>
    <message>
        <source>Move up</source>
        <translation>上移</translation>
    </message>
    <message>
        <source>Move down</source>
        <translation>下移</translation>
    </message>
    <message>
        <source>Use this path instead:</source>
        <translation>改用此路径：</translation>
    </message>
    <message>
        <source>Let it read this prepared content instead:</source>
        <translation>改为让它读取准备好的内容：</translation>
    </message>
    <message>
        <source>Prepared content</source>
        <translation>准备好的内容</translation>
    </message>
    <message>
        <source>Host to connect to instead</source>
        <translation>改为连接的主机</translation>
    </message>
    <message>
        <source>Path to use instead</source>
        <translation>改用的路径</translation>
    </message>
    <message>
        <source>Run this instead. What the agent wanted is not run.</source>
        <translation>改为运行这个。智能体原来想运行的不会运行。</translation>
    </message>
    <message>
        <source>Connect there instead. The agent does not reach what it wanted.</source>
        <translation>改为连接那里。智能体不会连到它想连的地方。</translation>
    </message>
    <message>
        <source>Let it read something else. What the agent wanted is not read.</source>
        <translation>让它读取别的内容。它原来想读的不会被读取。</translation>
    </message>
    <message>
        <source>Use another path. What the agent wanted is not touched.</source>
        <translation>改用另一个路径。它原来想用的不会被触动。</translation>
    </message>
    <message>
        <source>This holds characters that cannot be typed: it can be removed or moved, not edited.</source>
        <translation>其中含有无法键入的字符：可以移除或移动，不能编辑。</translation>
    </message>
</context>
<context>
    <name>ringfence::ui::FactTable</name>
    <message>
        <source>What happened</source>
        <translation>发生了什么</translation>
    </message>
</context>
<context>
    <name>ringfence::ui::FactsView</name>
    <message>
        <source>%1 (run %2)</source>
        <translation>%1（运行 %2）</translation>
    </message>
    <message>
        <source>%1 (run %2), policy %3, as user %4</source>
        <translation>%1（运行 %2），策略 %3，用户 %4</translation>
    </message>
    <message>
        <source>started as: %1</source>
        <translation>启动命令：%1</translation>
    </message>
    <message>
        <source>runs for %1</source>
        <translation>已运行 %1</translation>
    </message>
    <message>
        <source>its walls are weakened: see the page of the agent</source>
        <translation>防护被削弱：见智能体页面</translation>
    </message>
    <message>
        <source>in the folder %1</source>
        <translation>文件夹 %1</translation>
    </message>
    <message>
        <source>Why it asks</source>
        <translation>为何询问</translation>
    </message>
    <message>
        <source>Who asks</source>
        <translation>谁在请求</translation>
    </message>
    <message>
        <source>Process</source>
        <translation>进程</translation>
    </message>
    <message>
        <source>Afterwards</source>
        <translation>之后</translation>
    </message>
    <message>
        <source>Allowing permits</source>
        <translation>允许意味着</translation>
    </message>
    <message>
        <source>What is known of the question</source>
        <translation>关于此请求的信息</translation>
    </message>
</context>
<context>
    <name>ringfence::ui::GrantsModel</name>
    <message>
        <source>unknown</source>
        <translation>未知</translation>
    </message>
    <message>
        <source>%1: %2</source>
        <translation>%1：%2</translation>
    </message>
    <message>
        <source>revoked %1 by user %2</source>
        <translation>%1由用户 %2 撤销</translation>
    </message>
    <message>
        <source>ended %1: %2</source>
        <translation>%1失效：%2</translation>
    </message>
    <message>
        <source>when you revoke it</source>
        <translation>直到您撤销</translation>
    </message>
    <message>
        <source>never</source>
        <translation>从不</translation>
    </message>
    <message>
        <source>before the daemon started</source>
        <translation>守护进程启动之前</translation>
    </message>
    <message>
        <source>%1 by user %2</source>
        <translation>%1，用户 %2</translation>
    </message>
    <message numerus="yes">
        <source>%1 (unused for %n days: still wanted?)</source>
        <translation>
            <numerusform>%1（%n 天未使用：还需要吗？）</numerusform>
        </translation>
    </message>
    <message>
        <source>Allowed to</source>
        <translation>允许</translation>
    </message>
    <message>
        <source>For</source>
        <translation>范围</translation>
    </message>
    <message>
        <source>Given</source>
        <translation>授予时间</translation>
    </message>
    <message>
        <source>Ends</source>
        <translation>到期</translation>
    </message>
    <message>
        <source>Uses</source>
        <translation>使用次数</translation>
    </message>
    <message>
        <source>Last use</source>
        <translation>最近使用</translation>
    </message>
</context>
<context>
    <name>ringfence::ui::GrantsPage</name>
    <message>
        <source>What you allowed</source>
        <translation>您允许的</translation>
    </message>
    <message>
        <source>Rules of policies</source>
        <translation>策略规则</translation>
    </message>
    <message>
        <source>What you allowed for longer than once</source>
        <translation>您允许多次的</translation>
    </message>
    <message>
        <source>Also those that count no more</source>
        <translation>包括已失效的</translation>
    </message>
    <message>
        <source>Revoke</source>
        <translation>撤销</translation>
    </message>
    <message>
        <source>The rule that it wrote</source>
        <translation>它写入的规则</translation>
    </message>
    <message>
        <source>Policy whose rules are shown</source>
        <translation>显示哪个策略的规则</translation>
    </message>
    <message>
        <source>Its rules as they are in force, each with the file and line that it comes from</source>
        <translation>生效的规则，各附来源文件和行号</translation>
    </message>
    <message>
        <source>Each policy with everything that it extends, as a run that starts now would have it. What you allowed comes on top; what is forbidden here is never asked.</source>
        <translation>每个策略连同其继承的全部内容，即现在启动的运行所适用的规则。您允许的内容叠加其上；此处禁止的绝不询问。</translation>
    </message>
    <message>
        <source>Rules &amp; grants</source>
        <translation>规则与授权</translation>
    </message>
    <message>
        <source>You allowed nothing for longer than once.</source>
        <translation>您没有给出超过一次的允许。</translation>
    </message>
    <message>
        <source>Grant %1 is revoked: what it allowed is asked again.</source>
        <translation>授权 %1 已撤销：它所允许的将再次询问。</translation>
    </message>
    <message>
        <source>The command line %1 cannot be started.</source>
        <translation>无法启动命令行 %1。</translation>
    </message>
    <message>
        <source>%1 (does not load)</source>
        <translation>%1（无法加载）</translation>
    </message>
</context>
<context>
    <name>ringfence::ui::HistoryModel</name>
    <message>
        <source>Time</source>
        <translation>时间</translation>
    </message>
    <message>
        <source>Agent</source>
        <translation>智能体</translation>
    </message>
    <message>
        <source>What happened</source>
        <translation>发生了什么</translation>
    </message>
    <message>
        <source>Decision</source>
        <translation>决定</translation>
    </message>
    <message>
        <source>Rule</source>
        <translation>规则</translation>
    </message>
</context>
<context>
    <name>ringfence::ui::HistoryPage</name>
    <message>
        <source>Agent</source>
        <translation>智能体</translation>
    </message>
    <message>
        <source>What happened</source>
        <translation>发生了什么</translation>
    </message>
    <message>
        <source>Decision</source>
        <translation>决定</translation>
    </message>
    <message>
        <source>How far back</source>
        <translation>时间范围</translation>
    </message>
    <message>
        <source>Export</source>
        <translation>导出</translation>
    </message>
    <message>
        <source>Verify the chain</source>
        <translation>校验链</translation>
    </message>
    <message>
        <source>Cancel</source>
        <translation>取消</translation>
    </message>
    <message>
        <source>History</source>
        <translation>历史</translation>
    </message>
    <message>
        <source>Search what happened</source>
        <translation>搜索历史</translation>
    </message>
    <message>
        <source>All agents</source>
        <translation>全部智能体</translation>
    </message>
    <message>
        <source>Not about an agent</source>
        <translation>与智能体无关</translation>
    </message>
    <message>
        <source>Everything</source>
        <translation>全部</translation>
    </message>
    <message>
        <source>Any decision</source>
        <translation>任何决定</translation>
    </message>
    <message>
        <source>Last hour</source>
        <translation>最近一小时</translation>
    </message>
    <message>
        <source>Last day</source>
        <translation>最近一天</translation>
    </message>
    <message>
        <source>Last week</source>
        <translation>最近一周</translation>
    </message>
    <message>
        <source>Last month</source>
        <translation>最近一个月</translation>
    </message>
    <message>
        <source>Everything kept</source>
        <translation>全部保存的</translation>
    </message>
    <message>
        <source>The chosen fact in full</source>
        <translation>所选事实的全文</translation>
    </message>
    <message>
        <source>Choose a row to see the fact as it is in the log.</source>
        <translation>选择一行以查看日志中的原始事实。</translation>
    </message>
    <message>
        <source>Result</source>
        <translation>结果</translation>
    </message>
    <message>
        <source>How much is shown</source>
        <translation>显示数量</translation>
    </message>
    <message>
        <source>How much is written</source>
        <translation>已写入数量</translation>
    </message>
    <message>
        <source>What is shown…</source>
        <translation>当前显示的…</translation>
    </message>
    <message>
        <source>The whole log…</source>
        <translation>整个日志…</translation>
    </message>
    <message>
        <source>Cancelled: no file was written.</source>
        <translation>已取消：没有写入文件。</translation>
    </message>
    <message numerus="yes">
        <source>Written: %n facts.</source>
        <translation>
            <numerusform>已写入 %n 条事实。</numerusform>
        </translation>
    </message>
    <message>
        <source>No file was written: %1</source>
        <translation>没有写入文件：%1</translation>
    </message>
    <message>
        <source>%1 (%2)</source>
        <translation>%1（%2）</translation>
    </message>
    <message>
        <source>%1 of %2 facts</source>
        <translation>%2 条事实中的 %1 条</translation>
    </message>
    <message>
        <source>%1; %2 older ones were left out</source>
        <translation>%1；略去更早的 %2 条</translation>
    </message>
    <message>
        <source>%1; still looking</source>
        <translation>%1；仍在查找</translation>
    </message>
    <message>
        <source>Fact %1, %2, %3: %4</source>
        <translation>事实 %1，%2，%3：%4</translation>
    </message>
    <message>
        <source>Hash of the chain: %1</source>
        <translation>链的哈希：%1</translation>
    </message>
    <message>
        <source>Checking every fact and the chain…</source>
        <translation>正在检查每条事实和链…</translation>
    </message>
    <message>
        <source>Not verified: %1</source>
        <translation>未校验：%1</translation>
    </message>
    <message numerus="yes">
        <source>Chain verified: %n facts, head %1</source>
        <translation>
            <numerusform>链校验通过：%n 条事实，头部 %1</numerusform>
        </translation>
    </message>
    <message>
        <source>THE LOG DOES NOT VERIFY. The first wrong fact is %1: %2. Facts before it are good; keep a copy of the daemon&apos;s state directory before anything else.</source>
        <translation>日志校验失败。第一条错误的事实是 %1：%2。之前的事实完好；请先备份守护进程的状态目录。</translation>
    </message>
    <message>
        <source>unknown</source>
        <translation>未知</translation>
    </message>
    <message>
        <source>Write the facts to a file</source>
        <translation>将事实写入文件</translation>
    </message>
    <message>
        <source>Writing…</source>
        <translation>正在写入…</translation>
    </message>
</context>
<context>
    <name>ringfence::ui::InboxPage</name>
    <message>
        <source>Questions</source>
        <translation>请求</translation>
    </message>
    <message>
        <source>Agent whose questions are shown</source>
        <translation>显示哪个智能体的请求</translation>
    </message>
    <message>
        <source>Inbox</source>
        <translation>收件箱</translation>
    </message>
    <message numerus="yes">
        <source>%n waiting.</source>
        <translation>
            <numerusform>%n 个等待中。</numerusform>
        </translation>
    </message>
    <message>
        <source>Nothing waits.</source>
        <translation>没有等待的请求。</translation>
    </message>
    <message numerus="yes">
        <source>%n missed in the last day.</source>
        <translation>
            <numerusform>最近一天错过 %n 个。</numerusform>
        </translation>
    </message>
    <message>
        <source>All agents</source>
        <translation>全部智能体</translation>
    </message>
    <message>
        <source>%1 (%2)</source>
        <translation>%1（%2）</translation>
    </message>
    <message>
        <source>Nothing waits for you. When an agent wants what its policy asks about, its question comes here, and the agent waits for your answer.</source>
        <translation>没有等待您的请求。当智能体想做策略要求询问的事时，请求会出现在这里，智能体等待您的回答。</translation>
    </message>
    <message>
        <source>The daemon has not told yet what waits.</source>
        <translation>守护进程尚未告知有什么在等待。</translation>
    </message>
    <message>
        <source>These are questions of several agents. Pick those of one agent to answer them together.</source>
        <translation>这些请求来自多个智能体。请选择同一个智能体的请求一起回答。</translation>
    </message>
    <message>
        <source>It was denied, this once. When the agent tries again, it is asked again.</source>
        <translation>已拒绝这一次。智能体再次尝试时会再次询问。</translation>
    </message>
</context>
<context>
    <name>ringfence::ui::LaunchDialog</name>
    <message>
        <source>Nobody is there to answer: what would be asked is denied</source>
        <translation>无人值守：需要询问的一律拒绝</translation>
    </message>
    <message>
        <source>Start</source>
        <translation>启动</translation>
    </message>
    <message>
        <source>Cancel</source>
        <translation>取消</translation>
    </message>
    <message>
        <source>Start an agent</source>
        <translation>启动智能体</translation>
    </message>
    <message>
        <source>Agent or command</source>
        <translation>智能体或命令</translation>
    </message>
    <message>
        <source>a command, with its arguments</source>
        <translation>命令及其参数</translation>
    </message>
    <message>
        <source>Policy</source>
        <translation>策略</translation>
    </message>
    <message>
        <source>What the policy is for</source>
        <translation>策略的用途</translation>
    </message>
    <message>
        <source>Folder</source>
        <translation>文件夹</translation>
    </message>
    <message>
        <source>Choose…</source>
        <translation>选择…</translation>
    </message>
    <message>
        <source>Choose the folder</source>
        <translation>选择文件夹</translation>
    </message>
    <message>
        <source>Name</source>
        <translation>名称</translation>
    </message>
    <message>
        <source>made up when empty</source>
        <translation>留空则自动命名</translation>
    </message>
    <message>
        <source>Agent</source>
        <translation>智能体</translation>
    </message>
    <message>
        <source>What the command line says</source>
        <translation>命令行的输出</translation>
    </message>
    <message>
        <source>Cancelled. If it had been started already, it is among the agents.</source>
        <translation>已取消。如果它已经启动，可以在智能体列表中看到。</translation>
    </message>
    <message>
        <source>The folder that the agent works in</source>
        <translation>智能体工作的文件夹</translation>
    </message>
    <message>
        <source>Starting…</source>
        <translation>正在启动…</translation>
    </message>
    <message>
        <source>Not started:
%1</source>
        <translation>未启动：
%1</translation>
    </message>
</context>
<context>
    <name>ringfence::ui::MainWindow</name>
    <message>
        <source>Ringfence</source>
        <translation>Ringfence</translation>
    </message>
    <message>
        <source>Re-armed. Agents can be started again.</source>
        <translation>已重新启用。可以再次启动智能体。</translation>
    </message>
    <message numerus="yes">
        <source>Re-armed. %n agent(s) stay paused until you resume them.</source>
        <translation>
            <numerusform>已重新启用。%n 个智能体保持暂停，直到您让它们继续。</numerusform>
        </translation>
    </message>
    <message>
        <source>The daemon has not answered yet to what you asked for.</source>
        <translation>守护进程尚未回应您的操作。</translation>
    </message>
    <message>
        <source>The emergency stop is not ready: %1.</source>
        <translation>紧急停止未就绪：%1。</translation>
    </message>
    <message>
        <source>Stopping everything…</source>
        <translation>正在停止全部…</translation>
    </message>
    <message>
        <source>The emergency stop was not carried out: %1.</source>
        <translation>紧急停止没有执行：%1。</translation>
    </message>
    <message>
        <source>%1 Your agents were not paused either: %2</source>
        <translation>%1 您的智能体也没有被暂停：%2</translation>
    </message>
    <message numerus="yes">
        <source>%1 The daemon paused %n agent(s) of yours; new ones can still be started.</source>
        <translation>
            <numerusform>%1 守护进程暂停了您的 %n 个智能体；仍然可以启动新的智能体。</numerusform>
        </translation>
    </message>
    <message>
        <source>It is not known whether everything was stopped: %1.</source>
        <translation>不知道是否全部已停止：%1。</translation>
    </message>
    <message>
        <source>%1 The daemon is asked to pause your agents.</source>
        <comment>what became of the stop</comment>
        <translation>%1 正在请求守护进程暂停您的智能体。</translation>
    </message>
    <message>
        <source>%1 The daemon did not pause your agents: %2</source>
        <translation>%1 守护进程没有暂停您的智能体：%2</translation>
    </message>
    <message numerus="yes">
        <source>%1 The daemon paused %n agent(s) of yours.</source>
        <translation>
            <numerusform>%1 守护进程暂停了您的 %n 个智能体。</numerusform>
        </translation>
    </message>
</context>
<context>
    <name>ringfence::ui::NetworkTab</name>
    <message>
        <source>Connections of this agent</source>
        <translation>该智能体的连接</translation>
    </message>
    <message>
        <source>The log tells of no connection of this agent, as far back as it was read.</source>
        <translation>在已读取的日志范围内，没有该智能体的连接记录。</translation>
    </message>
    <message numerus="yes">
        <source>It connected, or wanted to, to %n hosts; there is no room for the others.</source>
        <translation>
            <numerusform>它已连接或试图连接 %n 个主机；其余的显示不下。</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>It connected, or wanted to, to %n hosts.</source>
        <translation>
            <numerusform>它已连接或试图连接 %n 个主机。</numerusform>
        </translation>
    </message>
</context>
<context>
    <name>ringfence::ui::NowPage</name>
    <message>
        <source>Start an agent…</source>
        <translation>启动智能体…</translation>
    </message>
    <message>
        <source>What was done</source>
        <translation>执行结果</translation>
    </message>
    <message>
        <source>No agent runs.</source>
        <translation>没有智能体在运行。</translation>
    </message>
    <message>
        <source>What runs is not known yet.</source>
        <translation>尚不清楚有什么在运行。</translation>
    </message>
    <message>
        <source>Start one with the button above, or in a terminal, in your project:

ringfence run -p coding -- claude

It sees the project and what the policy grants, nothing else.</source>
        <translation>用上方的按钮启动，或在终端中进入您的项目运行：

ringfence run -p coding -- claude

它只能看到项目和策略授予的内容。</translation>
    </message>
    <message>
        <source>The daemon was asked and has not answered.</source>
        <translation>已询问守护进程，尚未得到回应。</translation>
    </message>
    <message>
        <source>Now</source>
        <translation>现在</translation>
    </message>
</context>
<context>
    <name>ringfence::ui::OutputTab</name>
    <message>
        <source>Output of this agent</source>
        <translation>该智能体的输出</translation>
    </message>
    <message>
        <source>Asking for its output…</source>
        <translation>正在获取其输出…</translation>
    </message>
    <message>
        <source>There is no output to show: %1. What runs in a terminal writes there.</source>
        <translation>没有可显示的输出：%1。在终端中运行的程序会写到终端。</translation>
    </message>
    <message>
        <source>Control characters are shown, not obeyed.</source>
        <translation>控制字符只显示，不执行。</translation>
    </message>
    <message>
        <source>
[%1 bytes of output came faster than they could be shown]
</source>
        <translation>
[有 %1 字节的输出来得太快，无法显示]
</translation>
    </message>
    <message>
        <source>Its output has ended. Control characters are shown, not obeyed.</source>
        <translation>其输出已结束。控制字符只显示，不执行。</translation>
    </message>
</context>
<context>
    <name>ringfence::ui::PhraseSettings</name>
    <message>
        <source>Show this phrase</source>
        <translation>显示此口令</translation>
    </message>
    <message>
        <source>Show none</source>
        <translation>不显示</translation>
    </message>
    <message>
        <source>Every genuine prompt shows this phrase. A window that asks you to allow something and does not show it is not Ringfence&apos;s. Tell it nobody.</source>
        <translation>每个真正的询问窗口都会显示此口令。要求您允许某事却不显示它的窗口不属于 Ringfence。请勿告诉任何人。</translation>
    </message>
    <message>
        <source>Your phrase</source>
        <translation>您的口令</translation>
    </message>
    <message>
        <source>For example three words that belong together only for you</source>
        <translation>例如三个只有您知道关联的词</translation>
    </message>
    <message>
        <source>No phrase is shown.</source>
        <translation>不显示口令。</translation>
    </message>
    <message>
        <source>Prompts show it from now on.</source>
        <translation>今后的询问会显示它。</translation>
    </message>
</context>
<context>
    <name>ringfence::ui::PlotLegend</name>
    <message>
        <source>Legend: %1</source>
        <translation>图例：%1</translation>
    </message>
    <message>
        <source>, </source>
        <comment>between names</comment>
        <translation>，</translation>
    </message>
</context>
<context>
    <name>ringfence::ui::PoliciesPage</name>
    <message>
        <source>It is longer than a policy may be.</source>
        <translation>超过了策略允许的长度。</translation>
    </message>
    <message>
        <source>The directory cannot be made.</source>
        <translation>无法创建目录。</translation>
    </message>
    <message>
        <source>Policies</source>
        <translation>策略</translation>
    </message>
    <message>
        <source>Policy</source>
        <translation>策略</translation>
    </message>
    <message>
        <source>Used by</source>
        <translation>使用者</translation>
    </message>
    <message>
        <source>Whose</source>
        <translation>所属</translation>
    </message>
    <message>
        <source>What it is for</source>
        <translation>用途</translation>
    </message>
    <message>
        <source>Problems</source>
        <translation>问题</translation>
    </message>
    <message>
        <source>Line</source>
        <translation>行</translation>
    </message>
    <message>
        <source>What is wrong</source>
        <translation>错误</translation>
    </message>
    <message>
        <source>Help</source>
        <translation>帮助</translation>
    </message>
    <message>
        <source>Save</source>
        <translation>保存</translation>
    </message>
    <message>
        <source>Save although it does not load</source>
        <translation>虽无法加载仍保存</translation>
    </message>
    <message>
        <source>Discard changes</source>
        <translation>放弃更改</translation>
    </message>
    <message>
        <source>Copy to my policies</source>
        <translation>复制到我的策略</translation>
    </message>
    <message>
        <source>Name of the copy</source>
        <translation>副本名称</translation>
    </message>
    <message>
        <source>Result</source>
        <translation>结果</translation>
    </message>
    <message>
        <source>File</source>
        <translation>文件</translation>
    </message>
    <message>
        <source>It could not be checked: %1</source>
        <translation>无法检查：%1</translation>
    </message>
    <message>
        <source>The policies cannot be listed: %1</source>
        <translation>无法列出策略：%1</translation>
    </message>
    <message>
        <source>DOES NOT LOAD: %1</source>
        <translation>无法加载：%1</translation>
    </message>
    <message>
        <source>yours</source>
        <translation>您的</translation>
    </message>
    <message>
        <source>read-only</source>
        <translation>只读</translation>
    </message>
    <message>
        <source>nobody now</source>
        <translation>目前无人</translation>
    </message>
    <message numerus="yes">
        <source>%n agents</source>
        <translation>
            <numerusform>%n 个智能体</numerusform>
        </translation>
    </message>
    <message>
        <source>Choose a policy above.</source>
        <translation>请在上方选择策略。</translation>
    </message>
    <message>
        <source>%1, which you may change</source>
        <translation>%1，您可以修改</translation>
    </message>
    <message>
        <source>%1, which is read-only: copy it to change it</source>
        <translation>%1，只读：如需修改请复制</translation>
    </message>
    <message>
        <source>It cannot be read: %1</source>
        <translation>无法读取：%1</translation>
    </message>
    <message>
        <source>Checking…</source>
        <translation>正在检查…</translation>
    </message>
    <message>
        <source>warning: %1</source>
        <translation>警告：%1</translation>
    </message>
    <message>
        <source>It loads.</source>
        <translation>可以加载。</translation>
    </message>
    <message numerus="yes">
        <source>It does not load: %n problems.</source>
        <translation>
            <numerusform>无法加载：%n 个问题。</numerusform>
        </translation>
    </message>
    <message>
        <source>Checking before it is saved…</source>
        <translation>保存前正在检查…</translation>
    </message>
    <message>
        <source>NOT saved, because it does not load: the previous version stays in force.</source>
        <translation>未保存，因为无法加载：先前的版本继续有效。</translation>
    </message>
    <message>
        <source>NOT saved: %1. The previous version stays in force.</source>
        <translation>未保存：%1。先前的版本继续有效。</translation>
    </message>
    <message>
        <source>Saved. Agents that run keep the rules that they started with.</source>
        <translation>已保存。正在运行的智能体保持其启动时的规则。</translation>
    </message>
    <message>
        <source>Saved although it does not load: agents that run keep their rules, and no new one starts with it until it does.</source>
        <translation>虽无法加载仍已保存：正在运行的智能体保持其规则；在可以加载之前，新的智能体不能用它启动。</translation>
    </message>
    <message>
        <source>It is there already.</source>
        <translation>它已存在。</translation>
    </message>
    <message>
        <source>NOT copied: %1</source>
        <translation>未复制：%1</translation>
    </message>
    <message>
        <source>Copied to %1.</source>
        <translation>已复制到 %1。</translation>
    </message>
</context>
<context>
    <name>ringfence::ui::PolicyCheck</name>
    <message>
        <source>%1, in %2:%3</source>
        <translation>%1，位于 %2:%3</translation>
    </message>
    <message>
        <source>There is no room for a temporary file.</source>
        <translation>没有空间存放临时文件。</translation>
    </message>
    <message>
        <source>The text cannot be checked: %1</source>
        <translation>无法检查文本：%1</translation>
    </message>
</context>
<context>
    <name>ringfence::ui::PolicyEditor</name>
    <message>
        <source>Text of the policy</source>
        <translation>策略文本</translation>
    </message>
    <message>
        <source>%1: %2</source>
        <translation>%1：%2</translation>
    </message>
</context>
<context>
    <name>ringfence::ui::PolicyTab</name>
    <message>
        <source>Search the policy</source>
        <translation>搜索策略</translation>
    </message>
    <message>
        <source>Policy</source>
        <translation>策略</translation>
    </message>
    <message>
        <source>Key</source>
        <translation>键</translation>
    </message>
    <message>
        <source>Value</source>
        <translation>值</translation>
    </message>
    <message>
        <source>From</source>
        <translation>来源</translation>
    </message>
    <message>
        <source>Values of the policy</source>
        <translation>策略的值</translation>
    </message>
    <message>
        <source>Which policy it has is not known.</source>
        <translation>其策略未知。</translation>
    </message>
    <message>
        <source>Reading the policy…</source>
        <translation>正在读取策略…</translation>
    </message>
    <message>
        <source>The policy cannot be shown: %1</source>
        <translation>无法显示策略：%1</translation>
    </message>
    <message>
        <source>The policy as it is now does not load, and the run goes on with what it started with: %1</source>
        <translation>当前的策略无法加载，该运行继续使用启动时的策略：%1</translation>
    </message>
    <message>
        <source>The policy %1, as this agent has it.</source>
        <translation>该智能体所用的策略 %1。</translation>
    </message>
    <message>
        <source>The policy %1 as its files are NOW. They, or what this run was given beside them, differ from what it started with: a run keeps the rules that it started with.</source>
        <translation>策略 %1 的文件的当前内容。它们或随本次运行给出的内容与启动时不同：运行保持其启动时的规则。</translation>
    </message>
    <message>
        <source>built in</source>
        <translation>内置</translation>
    </message>
</context>
<context>
    <name>ringfence::ui::PreemptionsModel</name>
    <message>
        <source>paused</source>
        <translation>已暂停</translation>
    </message>
    <message>
        <source>memory taken back: %1</source>
        <translation>收回内存：%1</translation>
    </message>
    <message>
        <source>model call put off</source>
        <translation>推迟模型调用</translation>
    </message>
    <message>
        <source>writes slowed to %1 a second</source>
        <translation>写入限制为每秒 %1</translation>
    </message>
    <message>
        <source>writes at full speed again</source>
        <translation>恢复全速写入</translation>
    </message>
    <message>
        <source>Time</source>
        <translation>时间</translation>
    </message>
    <message>
        <source>Agent</source>
        <translation>智能体</translation>
    </message>
    <message>
        <source>What was done</source>
        <translation>执行结果</translation>
    </message>
    <message>
        <source>For what</source>
        <translation>为了什么</translation>
    </message>
    <message>
        <source>Thought to cost</source>
        <translation>估计代价</translation>
    </message>
    <message>
        <source>Did cost</source>
        <translation>实际代价</translation>
    </message>
    <message>
        <source>not told</source>
        <translation>未告知</translation>
    </message>
    <message>
        <source>not measured</source>
        <translation>未测量</translation>
    </message>
    <message>
        <source>not over yet</source>
        <translation>尚未结束</translation>
    </message>
</context>
<context>
    <name>ringfence::ui::ProgramCall</name>
    <message>
        <source>The program ringfence is not installed beside this panel.</source>
        <translation>程序 ringfence 未与此面板安装在一起。</translation>
    </message>
    <message>
        <source>ringfence could not be called: %1</source>
        <translation>无法调用 ringfence：%1</translation>
    </message>
    <message>
        <source>ringfence ended before it was done.</source>
        <translation>ringfence 在完成之前结束。</translation>
    </message>
    <message>
        <source>ringfence said more than can be shown.</source>
        <translation>ringfence 的输出多得无法显示。</translation>
    </message>
</context>
<context>
    <name>ringfence::ui::PromptView</name>
    <message>
        <source>Question of an agent</source>
        <translation>智能体的请求</translation>
    </message>
    <message>
        <source>Exactly what would be done</source>
        <translation>将要执行的确切内容</translation>
    </message>
    <message>
        <source>Deny</source>
        <translation>拒绝</translation>
    </message>
    <message>
        <source>Deny and tell the agent why…</source>
        <translation>拒绝并告诉智能体原因…</translation>
    </message>
    <message>
        <source>Pause the agent</source>
        <translation>暂停智能体</translation>
    </message>
    <message>
        <source>Change it…</source>
        <translation>更改…</translation>
    </message>
    <message>
        <source>No question waits.</source>
        <translation>没有等待的请求。</translation>
    </message>
    <message numerus="yes">
        <source>%1: %n questions, answered together</source>
        <translation>
            <numerusform>%1：%n 个请求，一起回答</numerusform>
        </translation>
    </message>
    <message>
        <source>Hold to allow: %1</source>
        <translation>按住以允许：%1</translation>
    </message>
    <message>
        <source>Allow once</source>
        <translation>允许一次</translation>
    </message>
    <message>
        <source>Allow: %1</source>
        <translation>允许：%1</translation>
    </message>
    <message>
        <source>Question %1 of %2.</source>
        <translation>第 %1 个请求，共 %2 个。</translation>
    </message>
    <message>
        <source>Your phrase: %1</source>
        <translation>您的口令：%1</translation>
    </message>
    <message>
        <source>Read to the end of the text; then it can be allowed.</source>
        <translation>请阅读到末尾；之后才能允许。</translation>
    </message>
    <message>
        <source>It can be allowed in a moment.</source>
        <translation>稍后即可允许。</translation>
    </message>
    <message>
        <source>Move the pointer or press Tab here; then it can be allowed.</source>
        <translation>请在此移动指针或按 Tab；之后才能允许。</translation>
    </message>
    <message>
        <source>Always needs your second yes above.</source>
        <translation>“始终”需要您在上方再次确认。</translation>
    </message>
    <message>
        <source>This cannot be taken back: hold the button for a second to allow it.</source>
        <translation>此事无法收回：请按住按钮一秒以允许。</translation>
    </message>
    <message>
        <source>Nothing is done until you answer.</source>
        <translation>在您回答之前什么都不会执行。</translation>
    </message>
    <message>
        <source>Your answer is on its way.</source>
        <translation>您的回答正在发送。</translation>
    </message>
    <message>
        <source>The daemon took your answer.</source>
        <translation>守护进程已接受您的回答。</translation>
    </message>
    <message>
        <source>%1 is paused. Its question still waits for you.</source>
        <translation>%1 已暂停。它的请求仍在等待您。</translation>
    </message>
    <message>
        <source>%1 is paused as soon as it has finished something. Its question still waits for you.</source>
        <translation>%1 完成手头的事后即暂停。它的问题仍在等您回答。</translation>
    </message>
</context>
<context>
    <name>ringfence::ui::PromptWindow</name>
    <message>
        <source>Next question</source>
        <translation>下一个问题</translation>
    </message>
    <message>
        <source>Ringfence asks</source>
        <translation>Ringfence 询问</translation>
    </message>
</context>
<context>
    <name>ringfence::ui::QuestionsModel</name>
    <message>
        <source>%1 waits for you: %2</source>
        <translation>%1 等待您：%2</translation>
    </message>
    <message>
        <source>%1: %2 (%3)</source>
        <translation>%1：%2（%3）</translation>
    </message>
</context>
<context>
    <name>ringfence::ui::Rail</name>
    <message>
        <source>Pages</source>
        <translation>页面</translation>
    </message>
    <message>
        <source>%1 (%2)</source>
        <comment>page (keys)</comment>
        <translation>%1（%2）</translation>
    </message>
</context>
<context>
    <name>ringfence::ui::ResourcesPage</name>
    <message>
        <source>Resources</source>
        <translation>资源</translation>
    </message>
    <message>
        <source>This device</source>
        <translation>本设备</translation>
    </message>
    <message>
        <source>Whom the governor held, and for what</source>
        <translation>调控器暂停了谁，为什么</translation>
    </message>
    <message>
        <source>all others</source>
        <translation>其他全部</translation>
    </message>
    <message>
        <source>Asking for what agents used…</source>
        <translation>正在获取智能体的用量…</translation>
    </message>
    <message>
        <source>What agents used is not known: %1</source>
        <translation>智能体的用量未知：%1</translation>
    </message>
    <message>
        <source>The daemon keeps no samples of the network and of accelerators.</source>
        <translation>守护进程不保存网络和加速器的采样。</translation>
    </message>
</context>
<context>
    <name>ringfence::ui::RunCard</name>
    <message>
        <source>Details</source>
        <translation>详情</translation>
    </message>
    <message>
        <source>CPU</source>
        <translation>CPU</translation>
    </message>
    <message>
        <source>Memory</source>
        <translation>内存</translation>
    </message>
    <message>
        <source>Disk</source>
        <translation>磁盘</translation>
    </message>
    <message>
        <source>GPU and NPU</source>
        <translation>GPU 和 NPU</translation>
    </message>
    <message>
        <source>%1 — %2</source>
        <comment>state — warning</comment>
        <translation>%1 — %2</translation>
    </message>
    <message>
        <source>Resume</source>
        <translation>继续</translation>
    </message>
    <message>
        <source>Pause</source>
        <translation>暂停</translation>
    </message>
    <message>
        <source>Resume %1</source>
        <translation>继续 %1</translation>
    </message>
    <message>
        <source>Pause %1</source>
        <translation>暂停 %1</translation>
    </message>
    <message>
        <source>Kill now</source>
        <translation>立即结束</translation>
    </message>
    <message>
        <source>Stop</source>
        <translation>停止</translation>
    </message>
    <message>
        <source>Kill %1 now</source>
        <translation>立即结束 %1</translation>
    </message>
    <message>
        <source>Ask %1 to end</source>
        <translation>要求 %1 停止</translation>
    </message>
    <message>
        <source>Details of %1</source>
        <translation>%1 的详情</translation>
    </message>
    <message>
        <source>%1: %2. %3</source>
        <comment>name: state. place</comment>
        <translation>%1：%2。%3</translation>
    </message>
    <message>
        <source>%1. %2</source>
        <comment>card. what its agent says</comment>
        <translation>%1。%2</translation>
    </message>
    <message>
        <source>Let it go on</source>
        <translation>让它继续</translation>
    </message>
    <message>
        <source>Pause at once</source>
        <translation>立即暂停</translation>
    </message>
    <message>
        <source>Pause %1 at once</source>
        <translation>立即暂停 %1</translation>
    </message>
    <message>
        <source>Let %1 go on</source>
        <translation>让 %1 继续</translation>
    </message>
</context>
<context>
    <name>ringfence::ui::ScopePicker</name>
    <message>
        <source>Yes: in every run of mine, until I revoke it</source>
        <translation>是：在我的每次运行中，直到我撤销</translation>
    </message>
    <message>
        <source>Allow for:</source>
        <translation>允许范围：</translation>
    </message>
    <message>
        <source>The rule that this writes</source>
        <translation>将写入的规则</translation>
    </message>
    <message>
        <source>Only once: %1.</source>
        <translation>只能一次：%1。</translation>
    </message>
    <message>
        <source>with no earlier end</source>
        <translation>不提前结束</translation>
    </message>
    <message>
        <source>for 10 minutes</source>
        <translation>10 分钟内</translation>
    </message>
    <message>
        <source>for 1 hour</source>
        <translation>1 小时内</translation>
    </message>
    <message>
        <source>for 8 hours</source>
        <translation>8 小时内</translation>
    </message>
    <message>
        <source>for 1 day</source>
        <translation>1 天内</translation>
    </message>
    <message>
        <source>for 7 days</source>
        <translation>7 天内</translation>
    </message>
    <message>
        <source>When it ends</source>
        <translation>何时结束</translation>
    </message>
    <message>
        <source>%1, %2</source>
        <comment>scope, duration</comment>
        <translation>%1，%2</translation>
    </message>
    <message>
        <source>Yes: in every run of mine, %1</source>
        <translation>是：在我的每次运行中，%1</translation>
    </message>
</context>
<context>
    <name>ringfence::ui::SettingsPage</name>
    <message>
        <source>Language</source>
        <translation>语言</translation>
    </message>
    <message>
        <source>As the desktop</source>
        <translation>跟随桌面</translation>
    </message>
    <message>
        <source>Theme</source>
        <translation>主题</translation>
    </message>
    <message>
        <source>Light</source>
        <translation>浅色</translation>
    </message>
    <message>
        <source>Dark</source>
        <translation>深色</translation>
    </message>
    <message>
        <source>Zoom</source>
        <translation>缩放</translation>
    </message>
    <message>
        <source>Keys of the emergency stop</source>
        <translation>紧急停止按键</translation>
    </message>
    <message>
        <source>Set by the administrator</source>
        <translation>由管理员设置</translation>
    </message>
    <message>
        <source>Setting</source>
        <translation>设置项</translation>
    </message>
    <message>
        <source>Value</source>
        <translation>值</translation>
    </message>
    <message>
        <source>Where it stands</source>
        <translation>所在位置</translation>
    </message>
    <message>
        <source>Also with Ctrl and +, - or 0.</source>
        <translation>也可用 Ctrl 加 +、- 或 0。</translation>
    </message>
    <message>
        <source>Emergency stop</source>
        <translation>紧急停止</translation>
    </message>
    <message>
        <source>Hold Ctrl+Alt+End for half a second, or press Pause three times within two seconds; also without any window.</source>
        <translation>按住 Ctrl+Alt+End 半秒，或在两秒内按三次 Pause；没有任何窗口时也有效。</translation>
    </message>
    <message>
        <source>As the administrator set it: %1</source>
        <translation>由管理员设置：%1</translation>
    </message>
    <message>
        <source>The administrator&apos;s file %1 cannot be read, or there is none: what the daemon does by itself counts.</source>
        <translation>无法读取管理员的文件 %1，或者它不存在：以守护进程的默认值为准。</translation>
    </message>
    <message>
        <source>Set by the administrator, to be read only:</source>
        <translation>由管理员设置，只读：</translation>
    </message>
    <message>
        <source>%1:%2</source>
        <comment>file:line</comment>
        <translation>%1:%2</translation>
    </message>
    <message>
        <source>Settings</source>
        <translation>设置</translation>
    </message>
    <message>
        <source>%1 %</source>
        <comment>percent</comment>
        <translation>%1 %</translation>
    </message>
    <message>
        <source>Another language is used when the panel, and the helper in the tray, are started again.</source>
        <translation>重新启动面板和托盘助手后，才会使用另一种语言。</translation>
    </message>
    <message>
        <source>Your phrase in prompts</source>
        <translation>询问窗口中您的口令</translation>
    </message>
    <message>
        <source>Notifications of the desktop</source>
        <translation>桌面通知</translation>
    </message>
    <message>
        <source>When an agent waits for your answer</source>
        <translation>有智能体等待您的回答时</translation>
    </message>
    <message>
        <source>When everything was stopped</source>
        <translation>一切被停止时</translation>
    </message>
    <message>
        <source>The helper in the tray shows notifications: while it does not run there are none. Questions wait in the inbox, and in the window that asks, all the same.</source>
        <translation>通知由托盘助手显示：它未运行时就没有通知。问题仍会在收件箱和询问窗口中等待。</translation>
    </message>
    <message>
        <source>When an order of yours failed</source>
        <translation>您的命令未能执行时</translation>
    </message>
</context>
<context>
    <name>ringfence::ui::Shortcut</name>
    <message>
        <source>Show what waits for an answer</source>
        <translation>显示等待回答的请求</translation>
    </message>
</context>
<context>
    <name>ringfence::ui::Sparkline</name>
    <message>
        <source>%1: %2</source>
        <comment>figure: value</comment>
        <translation>%1：%2</translation>
    </message>
    <message>
        <source>%1 %2, at most %3 in the last minute</source>
        <translation>%1 %2，最近一分钟最高 %3</translation>
    </message>
</context>
<context>
    <name>ringfence::ui::StopLink</name>
    <message>
        <source>what it answered cannot be read</source>
        <translation>它的回应无法读取</translation>
    </message>
</context>
<context>
    <name>ringfence::ui::StoppedPage</name>
    <message>
        <source>Everything is frozen</source>
        <translation>一切已冻结</translation>
    </message>
    <message>
        <source>Nothing starts and nothing goes on until you re-arm, also after a restart. Re-arming lets nobody go on by itself: afterwards you resume, stop or kill each agent. Stopping and killing work now already.</source>
        <translation>在您重新启用之前，什么都不会启动或继续，重启后也是如此。重新启用不会让任何智能体自行继续：之后由您逐个继续、停止或结束。现在就可以停止和结束。</translation>
    </message>
    <message>
        <source>Hold to re-arm</source>
        <translation>按住以重新启用</translation>
    </message>
    <message>
        <source>Re-arm</source>
        <translation>重新启用</translation>
    </message>
    <message>
        <source>Hold it, or hold the space bar, for a second: the emergency is over.</source>
        <translation>按住它或空格键一秒：紧急状态解除。</translation>
    </message>
    <message>
        <source>What was done</source>
        <translation>执行结果</translation>
    </message>
    <message>
        <source>Look at the other pages</source>
        <translation>查看其他页面</translation>
    </message>
    <message>
        <source>Everything was ended</source>
        <translation>一切已结束</translation>
    </message>
    <message>
        <source>Some agents were ended, the others are frozen</source>
        <translation>部分智能体已结束，其余的已冻结</translation>
    </message>
    <message>
        <source>No agent of yours is held.</source>
        <translation>没有您的智能体被冻结。</translation>
    </message>
    <message>
        <source>The daemon does not tell which agents are held: it is needed to re-arm, not to stop. What is frozen stays frozen.</source>
        <translation>守护进程没有告知哪些智能体被冻结：重新启用需要它，停止不需要。已冻结的保持冻结。</translation>
    </message>
    <message>
        <source>Re-arming…</source>
        <translation>正在重新启用…</translation>
    </message>
    <message>
        <source>Not re-armed: %1</source>
        <translation>未重新启用：%1</translation>
    </message>
</context>
<context>
    <name>ringfence::ui::TimeSeriesPlot</name>
    <message>
        <source>%1 %2</source>
        <comment>name value</comment>
        <translation>%1 %2</translation>
    </message>
    <message>
        <source>%1: nothing is known</source>
        <comment>figure</comment>
        <translation>%1：一无所知</translation>
    </message>
    <message>
        <source>, </source>
        <comment>between figures</comment>
        <translation>、</translation>
    </message>
    <message>
        <source>%1 now: %2</source>
        <translation>%1 现在：%2</translation>
    </message>
    <message>
        <source>%1, %2 ago: %3</source>
        <translation>%1，%2前：%3</translation>
    </message>
    <message>
        <source>now</source>
        <translation>现在</translation>
    </message>
    <message>
        <source>%1 ago</source>
        <translation>%1前</translation>
    </message>
</context>
<context>
    <name>ringfence::ui::Tray</name>
    <message>
        <source>Nothing was stopped: %1</source>
        <translation>什么都没有停止：%1</translation>
    </message>
    <message>
        <source>ringfence-panel could not be started: it is not installed beside this helper, nor on the PATH.</source>
        <translation>无法启动 ringfence-panel：它没有安装在此助手旁边，也不在 PATH 中。</translation>
    </message>
    <message>
        <source>It is not known whether everything was stopped: %1</source>
        <translation>不知道是否全部已停止：%1</translation>
    </message>
</context>
<context>
    <name>ringfence::ui::TrayIcon</name>
    <message>
        <source>Show questions</source>
        <translation>查看请求</translation>
    </message>
    <message>
        <source>Open panel</source>
        <translation>打开面板</translation>
    </message>
    <message>
        <source>Pause all agents</source>
        <translation>暂停全部智能体</translation>
    </message>
    <message>
        <source>Resume…</source>
        <translation>继续…</translation>
    </message>
    <message>
        <source>STOP ALL</source>
        <translation>紧急停止全部</translation>
    </message>
    <message>
        <source>Quit this helper (agents go on)</source>
        <translation>退出此助手（智能体继续运行）</translation>
    </message>
    <message numerus="yes">
        <source>%1 (pauses in %n s at the latest)</source>
        <translation>
            <numerusform>%1（最迟 %n 秒后暂停）</numerusform>
        </translation>
    </message>
    <message>
        <source>Pause all agents at once</source>
        <translation>立即暂停所有智能体</translation>
    </message>
</context>
<context>
    <name>ringfence::ui::Unseen</name>
    <message>
        <source>This desktop lists windows by their titles (%1), not the processes behind them, so that agents give way to none of them in particular.</source>
        <translation>此桌面只按标题列出窗口（%1），不告知其背后的进程，因此智能体不会特别让路给任何窗口。</translation>
    </message>
    <message>
        <source>KWin shows windows only to programs that an installed desktop file names by their path, and found none for this helper, so that agents give way to no window in particular.</source>
        <translation>KWin 只向已安装的 desktop 文件以路径指明的程序显示窗口，而没有找到此助手的 desktop 文件，因此智能体不会特别让路给任何窗口。</translation>
    </message>
    <message>
        <source>The desktop stopped telling which window is in front, so that agents give way to none of them in particular. A new start of this helper tries again.</source>
        <translation>桌面不再告知哪个窗口在最前面，因此智能体不会特别让路给任何窗口。重新启动此助手会再次尝试。</translation>
    </message>
    <message>
        <source>The desktop speaks of more windows than this helper follows, so that agents give way to none of them in particular. A new start of this helper tries again.</source>
        <translation>桌面报告的窗口多于此助手能跟踪的数量，因此智能体不会特别让路给任何窗口。重新启动此助手会再次尝试。</translation>
    </message>
    <message>
        <source>This helper was built without Wayland and cannot tell which window is in front, so that agents give way to none of them in particular.</source>
        <translation>此助手构建时不含 Wayland 支持，无法知道哪个窗口在最前面，因此智能体不会特别让路给任何窗口。</translation>
    </message>
    <message>
        <source>This desktop does not tell which window is in front, so that agents give way to none of them in particular.</source>
        <translation>此桌面不告知哪个窗口在最前面，因此智能体不会特别让路给任何窗口。</translation>
    </message>
</context>
<context>
    <name>ringfence::ui::UsagePlots</name>
    <message>
        <source>How far back</source>
        <translation>时间范围</translation>
    </message>
    <message>
        <source>Last minute</source>
        <translation>最近一分钟</translation>
    </message>
    <message>
        <source>Last hour</source>
        <translation>最近一小时</translation>
    </message>
    <message>
        <source>Last day</source>
        <translation>最近一天</translation>
    </message>
    <message>
        <source>Last week</source>
        <translation>最近一周</translation>
    </message>
    <message>
        <source>Processor</source>
        <translation>处理器</translation>
    </message>
    <message>
        <source>Memory</source>
        <translation>内存</translation>
    </message>
    <message>
        <source>Disks</source>
        <translation>磁盘</translation>
    </message>
    <message>
        <source>Network</source>
        <translation>网络</translation>
    </message>
    <message>
        <source>GPU and NPU</source>
        <translation>GPU 和 NPU</translation>
    </message>
</context>
<context>
    <name>ringfence::ui::UsageTab</name>
    <message>
        <source>It does not run now: choose a longer time.</source>
        <translation>它现在没有运行：请选择更长的时间。</translation>
    </message>
    <message>
        <source>of one processor</source>
        <translation>（占一个处理器）</translation>
    </message>
    <message>
        <source>in memory</source>
        <translation>内存中</translation>
    </message>
    <message>
        <source>read and written</source>
        <translation>读写</translation>
    </message>
    <message>
        <source>sent and received</source>
        <translation>收发</translation>
    </message>
    <message>
        <source>of one GPU or NPU</source>
        <translation>（占一个 GPU 或 NPU）</translation>
    </message>
    <message>
        <source>Asking for what it used…</source>
        <translation>正在获取其用量…</translation>
    </message>
    <message>
        <source>What it used is not known: %1</source>
        <translation>其用量未知：%1</translation>
    </message>
    <message>
        <source>The daemon has no samples of that time.</source>
        <translation>守护进程没有该时段的采样。</translation>
    </message>
    <message>
        <source>The daemon keeps no samples of the network and of accelerators.</source>
        <translation>守护进程不保存网络和加速器的采样。</translation>
    </message>
</context>
<context>
    <name>ringfence::ui::WordsScreen</name>
    <message>
        <source>Deny and say this</source>
        <translation>拒绝并告知</translation>
    </message>
    <message>
        <source>What the agent is told</source>
        <translation>告知智能体的话</translation>
    </message>
    <message>
        <source>For example: use the copy in the project folder instead.</source>
        <translation>例如：请改用项目文件夹中的副本。</translation>
    </message>
    <message>
        <source>Back</source>
        <translation>返回</translation>
    </message>
    <message>
        <source>%1 is told no, with these words. It reads them as an answer, and nothing is done.</source>
        <translation>%1 会得到拒绝和这些话。它将其读作回答，什么都不会执行。</translation>
    </message>
    <message numerus="yes">
        <source>%n bytes too long.</source>
        <translation>
            <numerusform>超长 %n 字节。</numerusform>
        </translation>
    </message>
</context>
</TS>
