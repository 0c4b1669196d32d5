\set n random(1, :wallets)
begin;
select set_config('role', 'service_role', true), set_config('request.jwt.claims', '{"role": "service_role"}', true);
select error_code from nostro.debit(('00000000-0000-4000-8000-' || lpad(:n::text, 12, '0'))::uuid, 4, 'usage', gen_random_uuid()::text, null, '{}');
commit;
