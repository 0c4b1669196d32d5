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
    raise exception using errcode = 'PT409', message = 'idempotency_key_reused',
      detail = jsonb_build_object('idempotency_key', p_key, 'reservation_id', r.id)::text,
      hint = 'This idempotency key belongs to another request. Use a new key for a new request.';
  end if;
  return r;
end
$$;

revoke all on function private.replayed_reservation(uuid, text, bytea) from public, anon, authenticated, service_role;
