// Every form carries a proof that it was made for this browser by this process. A new one has it outlive a restart of the
// server, and its session.

// Puts a new one everywhere on the page and answers it; where there is none, the status that was answered instead, which
// is 0 for no answer.
export async function renewed() {
  const response = await fetch("/ui/proof", { cache: "no-store", headers: { "HX-Request": "true" } }).catch(() => null);
  if (!response?.ok) return { proof: "", status: response?.status ?? 0 };
  const proof = await response.text();
  for (const field of document.querySelectorAll("input[name=proof]")) field.value = field.defaultValue = proof;
  document.body.setAttribute("hx-headers", JSON.stringify({ "X-Proof": proof }));
  return { proof, status: response.status };
}
