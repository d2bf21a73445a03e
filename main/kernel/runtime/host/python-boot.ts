/**
 * Python that runs a job's script as `python3 main.py` would: in `__main__`, with its arguments, variables and work folder. Opening
 * `/program/start` is what a waiting host stops at. What a script throws is shown without the frames of this one.
 */
export const BOOT = String.raw`
def _boot():
    import sys, os, linecache, traceback, builtins
    reserve = bytearray(262144)
    with open('/program/start', encoding='utf-8') as start:
        args, env = eval(start.read(), {'__builtins__': {}})
    os.environ.update(env)
    sys.argv = ['main.py', *args]
    sys.path.insert(0, '/')
    os.chdir('/')
    with open('/program/main.py', encoding='utf-8') as file:
        source = file.read()
    linecache.cache['main.py'] = (len(source), None, source.splitlines(True), 'main.py')
    def show(kind, value, trace):
        nonlocal reserve
        del reserve
        # The parser's own bound is told as one, too, in words; memory has none left for words.
        if issubclass(kind, MemoryError) and not value.args:
            try: os.close(os.open('/program/out-of-memory', os.O_RDONLY))
            except OSError: pass
        at = trace
        while at is not None and at.tb_frame.f_code.co_filename != 'main.py': at = at.tb_next
        count, last = 0, at
        while last is not None: count, last = count + 1, last.tb_next
        # A million frames take longer to show than anybody reads.
        for _ in range(count - 20 if count > 2000 else 0): at = at.tb_next
        traceback.print_exception(kind, value, at, chain=count <= 2000)
    sys.excepthook = show
    space = sys.modules['__main__'].__dict__
    space.pop('_boot', None)
    space['__file__'] = 'main.py'
    builtins.exit = builtins.quit = sys.exit
    exec(compile(source, 'main.py', 'exec', dont_inherit=True), space)
_boot()
`;
