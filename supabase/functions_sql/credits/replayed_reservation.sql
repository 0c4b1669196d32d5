-- replayed_reservation(p_wallet_id, p_key, p_digest) -> credit_reservations      called by: reserve_credits, create_generation
-- The reservation this key has made before, with its present status; all null when the key is new. The wallet is locked.
-- Refuses: idempotency_key_reused 409
create or replace function private.replayed_reservation(p_wallet_id uuid, p_key text, p_digest bytea)
returns public.credit_reservations
language plpgsql
set search_path = ''
as $$
declare
  r public.credit_reservations;
begin
  select * into r from public.credit_reservations x where x.wallet_id = p_wallet_id and x.idempotency_key = p_key;
  if r.request_digest <> p_digest then
    perform private.refuse_reused_key(p_key, jsonb_build_object('reservation_id', r.id));
  end if;
  return r;
end
$$;

revoke all on function private.replayed_reservation(uuid, text, bytea) from public, anon, authenticated, service_role;
