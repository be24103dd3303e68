// Buttons that copy a command. Without scripts, or without a clipboard, there are none.
"use strict";

if (navigator.clipboard) {
    const told = document.getElementById("told");
    for (const button of document.querySelectorAll("button[data-copies]")) {
        button.hidden = false;
        button.addEventListener("click", async () => {
            try {
                await navigator.clipboard.writeText(document.getElementById(button.dataset.copies).textContent);
                told.textContent = "Copied.";
                button.classList.add("done");
            } catch {
                told.textContent = "The browser does not let this page copy.";
            }
            setTimeout(() => { told.textContent = ""; button.classList.remove("done"); }, 2000);
        });
    }
}
