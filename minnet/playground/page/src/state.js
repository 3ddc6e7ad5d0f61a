// The store: what the server said last, what the page shows, and the ways to change both.

/**
 * Events: "choices", "experiment", "speed", "status" (playing, generation, version), "frame", "view", "lesson",
 * "figure", "board", "focus", "theme", "connection" (true or false), "error" ({text, fields: what is
 * said of which}).
 * @param {(message: object) => Promise<any>} send
 */
export function createState(send) {
  /** @type {Map<string, Set<(value: any) => void>>} */
  const listeners = new Map();
  /** Fields that the server has not yet answered for. */
  let pending = {};
  let sending = null;
  /** The experiment that the server confirmed: where a refused change goes back to. */
  let confirmed = {};

  const state = {
    experiment: {},
    choices: null,
    playing: true,
    /** @type {number | null} steps per second; null: as fast as it goes */
    speed: null,
    generation: -1,
    version: -1,
    view: "play",
    lesson: null,
    figure: "2",
    board: "",
    focused: null,
    frame: null,
    connected: true,

    /** @returns {() => void} stops listening */
    on(event, listener) {
      if (!listeners.has(event)) listeners.set(event, new Set());
      listeners.get(event).add(listener);
      return () => listeners.get(event).delete(listener);
    },
    emit(event, value) {
      for (const listener of [...(listeners.get(event) ?? [])]) listener(value);
    },

    /**
     * Changes fields of the experiment: shown at once, sent as soon as the last change was answered, so that a slider
     * that is dragged sends what is newest and never a queue.
     * @returns {Promise<boolean>} whether the server took it
     */
    change(fields) {
      Object.assign(pending, fields);
      show({ ...state.experiment, ...fields });
      sending ??= deliver().finally(() => (sending = null));
      return sending;
    },
    play: () => act({ do: "play" }),
    pause: () => act({ do: "pause" }),
    step: (n = 1) => act({ do: "step", n }),
    /** @param {number | null} steps per second; null: as fast as it goes */
    async setSpeed(steps) {
      const answer = await act({ do: "speed", steps_per_second: steps });
      if (answer && !answer.error) state.heard({ speed: steps });
    },
    /** From the same first weights. */
    reset: () => act({ do: "reset" }),
    /** From others, of a seed that can be said. */
    reseed: () => state.change({ seed: (state.experiment.seed + 1 + Math.floor(Math.random() * 9998)) % 10000 }),

    setView(view) {
      if (view === state.view) return;
      state.view = view;
      state.emit("view", view);
    },
    setLesson(lesson) {
      if (lesson === state.lesson) return;
      state.lesson = lesson;
      state.emit("lesson", lesson);
    },
    /** Of the paper. */
    /** What the blackboard shows, as it stands in the address. */
    setBoard(board) {
      if (board === state.board) return;
      state.board = board;
      state.emit("board", board);
    },
    setFigure(figure) {
      if (figure === state.figure) return;
      state.figure = figure;
      state.emit("figure", figure);
    },
    /** Folds all controls but these; null: unfolds. */
    focus(names) {
      state.focused = names;
      state.emit("focus", names);
    },

    /** What a frame or an answer says of the session. An older word than the last is dropped: false. */
    heard(said) {
      if (said.generation !== undefined) {
        if (before(said, state)) return false;
        state.generation = said.generation;
        state.version = said.version;
      }
      if (said.playing !== undefined) state.playing = said.playing;
      if (said.speed !== undefined && said.speed !== state.speed) {
        state.speed = said.speed;
        state.emit("speed", state.speed);
      }
      if (said.experiment) {
        confirmed = said.experiment;
        show({ ...confirmed, ...pending });
      }
      state.emit("status", state);
      return true;
    },
    /** A new server: whatever it says is news. */
    forget() {
      state.generation = state.version = -1;
    },
  };

  function before(one, other) {
    return one.generation < other.generation || (one.generation === other.generation && one.version < other.version);
  }

  function show(experiment) {
    const same = Object.keys(experiment).every((name) => experiment[name] === state.experiment[name]);
    if (same) return;
    state.experiment = experiment;
    state.emit("experiment", experiment);
  }

  /** What is wrong with one change is wrong with its field. */
  const ofOne = (sent, text) => (Object.keys(sent).length === 1 ? { [Object.keys(sent)[0]]: text } : {});

  async function deliver() {
    let taken = true;
    while (Object.keys(pending).length) {
      const sent = { ...pending };
      const answer = await ask({ do: "change", experiment: sent });
      // What was changed meanwhile is newer, and is sent next.
      for (const name of Object.keys(sent)) if (pending[name] === sent[name]) delete pending[name];
      taken = answer !== null && !answer.error;
      if (taken) {
        state.emit("error", null);
        state.heard(answer);
      } else {
        if (answer) state.emit("error", { text: answer.error, fields: answer.fields ?? ofOne(sent, answer.error) });
        show({ ...confirmed, ...pending });
      }
    }
    return taken;
  }

  /** What is done is done to the experiment that is shown: changes on their way come first. */
  async function act(message) {
    while (sending) await sending;
    const answer = await ask(message);
    if (answer?.error) state.emit("error", { text: answer.error, fields: {} });
    else if (answer) state.heard(answer);
    return answer;
  }

  /** null: there is no server just now; the frame loop says so. */
  async function ask(message) {
    try {
      return await send(message);
    } catch {
      return null;
    }
  }

  return state;
}
