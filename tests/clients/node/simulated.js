'use strict';

// Webex's SDK for Node, pointed at a simulator. What comes here comes before `webex` is loaded.

const net = require('node:net');

/** Refuses every connection that would leave this machine: what the SDK looks for elsewhere, it is not to find. */
function onlyLoopback() {
  const { connect } = net.Socket.prototype;
  net.Socket.prototype.connect = function (...given) {
    const { host } = Array.isArray(given[0]) ? given[0][0] : given[0];
    if (host !== '127.0.0.1') {
      // An exception would be taken for a network that is down, and the test would pass.
      console.error(`a connection to ${host}`);
      process.exit(1);
    }
    return connect.apply(this, given);
  };
}

/** The SDK for a simulator's base URL, as in http://127.0.0.1:7070/v1. */
function webexAt(baseUrl) {
  // The API, and the catalogue of Webex's other services: the simulator has none, and the API does without.
  process.env.HYDRA_SERVICE_URL = baseUrl;
  process.env.U2C_SERVICE_URL = new URL('/u2c', baseUrl).href;
  // These two are for browsers and do not even load in Node. Nothing of the API needs them.
  for (const name of ['@webex/plugin-meetings', '@webex/contact-center']) {
    const filename = require.resolve(name);
    require.cache[filename] = { id: filename, filename, loaded: true, exports: {} };
  }
  return require('webex');
}

module.exports = { onlyLoopback, webexAt };
