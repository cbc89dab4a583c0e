/** The app in the frame of a notebook cell. */
import "../shell/tokens.css";
import "../shell/base.css";
import { mount } from "svelte";
import { useTransport } from "../api/client";
import App from "../shell/App.svelte";
import { keepAddressApart } from "../shell/router.svelte";
import { followHost } from "../shell/theme.svelte";
import { channel } from "./channel";
import { tellDoing } from "./doing.svelte";
import { type Host, HOST } from "./host";
import { messageTransport } from "./transport.svelte";

const host = Reflect.get(window, HOST) as Host;
const target = document.getElementById("app");
if (!target) throw new Error("the frame has no element with the id app");
const line = channel(host.wire);
addEventListener("pagehide", line.close);
useTransport(messageTransport(line));
keepAddressApart(host.link);
followHost(host.theme);
host.ready({ theme: followHost });
mount(App, { target });
tellDoing(host);
