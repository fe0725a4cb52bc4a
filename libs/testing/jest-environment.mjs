import { TestEnvironment } from 'jest-environment-node';

/** Tests get a copy of `process`, which no signal reaches. The one that tells of children is handed on. */
export default class SignalledEnvironment extends TestEnvironment {
  #forward = () => this.global?.process.emit('SIGCHLD', 'SIGCHLD', 17);

  async setup() {
    await super.setup();
    process.on('SIGCHLD', this.#forward);
  }

  async teardown() {
    process.off('SIGCHLD', this.#forward);
    await super.teardown();
  }
}
