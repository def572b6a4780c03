// Signing in: the wallet signs a message of the server, which proves the address and moves nothing.
import { Trouble, account, ask, chosenWallet, explained } from "./wallet.js";

const MESSAGES = "/v1/sign-in/messages";
const SIGN_IN = "/v1/sign-in";

async function posted(path, body) {
  const answer = await fetch(path, {
    method: "POST",
    headers: { "Content-Type": "application/json", Accept: "application/json" },
    body: JSON.stringify(body),
  }).catch(() => { throw new Trouble("This page's server does not answer. Try again in a minute."); });
  const told = await answer.json().catch(() => ({}));
  if (!answer.ok) {
    throw new Trouble(`The server does not sign you in: ${told.detail ?? told.title ?? answer.status}.`);
  }
  return told;
}

const hexadecimal = (text) => "0x" + [...new TextEncoder().encode(text)]
  .map((byte) => byte.toString(16).padStart(2, "0")).join("");

async function signIn(wallet, tell) {
  const address = await account(wallet, tell);
  const { message } = await posted(MESSAGES, { address });
  tell("Look into the wallet: it shows a message to sign. Signing it moves nothing and costs nothing.");
  const signature = await ask(wallet, "personal_sign", [hexadecimal(message), address], tell);
  await posted(SIGN_IN, { message, signature });
  location.reload();
}

// What is said appears beside the button, in a place that is there before anything is said.
function prepared(button, action) {
  const status = document.createElement("p");
  status.setAttribute("role", "status");
  const place = document.createElement("div");
  place.className = "wallets";
  button.after(status, place);
  button.hidden = false;
  let busy = false;
  button.addEventListener("click", async () => {
    if (busy) return;
    busy = true;
    const tell = (text) => { status.textContent = text; };
    try {
      await action(place, tell);
    } catch (fault) {
      tell(explained(fault));
    } finally {
      busy = false;
    }
  });
}

for (const button of document.querySelectorAll("[data-sign-in]")) {
  prepared(button, async (place, tell) => signIn(await chosenWallet(place, tell), tell));
}
