-- reversed_credits(p_credits, p_charged_cents, p_reversed_cents) -> bigint      called by: book_payment, admin_start_refund
-- The one place where money becomes credits: the share of p_credits that a reversal takes, rounded up, at most all of them.
create or replace function private.reversed_credits(p_credits bigint, p_charged_cents bigint, p_reversed_cents bigint)
returns bigint
language sql
immutable
set search_path = ''
as $$
  select case
    when p_reversed_cents <= 0 then 0
    when p_reversed_cents >= p_charged_cents then p_credits
    else ceil(p_credits::numeric * p_reversed_cents / p_charged_cents)::bigint
  end;
$$;

revoke all on function private.reversed_credits(bigint, bigint, bigint) from public, anon, authenticated, service_role;
