-- gift_problems(p_wallet_id) -> rows of problems      called by: verify_ledger
-- A gift is one row out of the giver's ledger and, once it has ended, one row of as many credits into the recipient's or back.
create or replace function private.gift_problems(p_wallet_id uuid)
returns table (wallet_id uuid, problem text, detail jsonb)
language sql
stable
set search_path = ''
as $$
  select g.wallet_id, 'gift_differs_from_ledger', jsonb_build_object('gift_id', g.id, 'credits', g.credits, 'out', o.amount, 'in', i.amount)
  from private.gifts g
  left join public.credit_transactions o on o.id = g.out_transaction_id and o.wallet_id = g.wallet_id and o.kind = 'gift_out'
  left join public.credit_transactions i on i.id = g.in_transaction_id and i.kind = 'gift_in'
    and i.wallet_id = coalesce(g.recipient_wallet_id, g.wallet_id)
  where (p_wallet_id is null or g.wallet_id = p_wallet_id or g.recipient_wallet_id = p_wallet_id)
    and (o.amount is distinct from -g.credits or (i.amount is distinct from g.credits and g.state <> 'waiting'));
$$;

revoke all on function private.gift_problems(uuid) from public, anon, authenticated, service_role;
